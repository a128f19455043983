import { z } from 'zod'
import { kustoNameProblem } from '../core/kusto-name.ts'
import { checkedText, optionDocs, text, wholeNumber } from './option-docs.ts'
import { databaseExpected, kustoName, tableExpected } from './kusto-section.ts'

const tags = z.array(text(256)).max(50)

const dropByTags = z
  .array(
    z
      .string()
      .min(1)
      .max(256)
      .superRefine((tag, context) => {
        if (!tag.startsWith('drop-by:')) return
        context.addIssue({
          code: 'custom',
          message: 'write the tag without "drop-by:", which the sidecar adds',
        })
      }),
  )
  .max(50)

/** The keys of `write` without their defaults: a route may have any of them. */
export const writeKeys = {
  batch_interval_ms: wholeNumber(10, 3_600_000),
  batch_size: wholeNumber(1, 10_000_000),
  client_batch_size_limit_mb: wholeNumber(1, 1_000),
  flush_immediately: z.boolean(),
  delivery_guarantee: z.enum(['none', 'at_least_once', 'exactly_once']),
  commit: z.enum(['in_place', 'staging']),
  staging_table_suffix: checkedText(
    (value) => {
      if (value === '' || value.length > 100) return 'expected 1 to 100 characters'
      const problem = kustoNameProblem(`x${value}`)
      return problem === undefined ? undefined : `the name ${problem}`
    },
    { repeatsValue: true },
  ),
  poll_for_ingestion_status: z.boolean(),
  poll_interval_ms: wholeNumber(10, 3_600_000),
  poll_timeout_ms: wholeNumber(10, 86_400_000),
  ingestion_mapping_ref: text(1_024),
  additional_tags: tags,
  drop_by_tags: dropByTags,
}

export const writeSection = z.strictObject({
  batch_interval_ms: writeKeys.batch_interval_ms.default(30_000).register(optionDocs, {
    text: 'How long a batch stays open after its first record. Longer means fewer and larger blobs, which Kusto prefers, and records that show up later.',
    unit: 'milliseconds',
    example: 60_000,
  }),
  batch_size: writeKeys.batch_size.default(1_000).register(optionDocs, {
    text: 'How many records end a batch. The default is that of the Flink sink; for more than a few hundred records a second a much larger value makes better blobs.',
    unit: 'records',
    example: 100_000,
  }),
  client_batch_size_limit_mb: writeKeys.client_batch_size_limit_mb.default(300).register(optionDocs, {
    text: 'How many uncompressed megabytes end a batch. Here 1 MB is 1000000 bytes, so that a blob is within the limit whichever way one counts. Kusto advises at most 1000.',
    unit: 'megabytes of 1000000 bytes',
    example: 200,
  }),
  flush_immediately: writeKeys.flush_immediately.default(false).register(optionDocs, {
    text: 'Seal a batch as soon as no record waits, about one a request, and ask Kusto to ingest its blob at once instead of aggregating it. Seconds instead of minutes, for tables with little data: many small blobs load a cluster more than anything else.',
    example: true,
  }),
  delivery_guarantee: writeKeys.delivery_guarantee.default('at_least_once').register(optionDocs, {
    text:
      'What a 2xx reply means. `at_least_once`: the records are in the journal (or, without a journal, queued in Kusto), and a lost reply can lead to duplicates. ' +
      '`none`: they are in memory, and a crash loses up to one batch. ' +
      '`exactly_once`: they are forced to disk together with the key of the request, what a shipper sends again is not stored again (`journal.dedup`), and each batch is followed until Kusto says that it is ingested. ' +
      'It needs the journal and costs a sync of the disk for each group of requests, a question to Kusto for each batch, and blobs that Kusto does not aggregate: make batches large.',
    example: 'exactly_once',
  }),
  commit: writeKeys.commit.default('in_place').register(optionDocs, {
    text:
      'How rows of `exactly_once` come into their table. `in_place`: Kusto ingests them into it. ' +
      '`staging`: into a table beside it, where they are counted, and from there they are moved into it by one command, all of a batch or none. So nothing comes twice when two messages race, and nothing is lost when a batch is ingested in part. ' +
      'It needs the role Table Admin on both tables and Azure Data Explorer, costs some commands for each batch, and shows records later by the time of these.',
    example: 'staging',
  }),
  staging_table_suffix: writeKeys.staging_table_suffix.default('_staging').register(optionDocs, {
    text: 'What comes after the name of a table in that of its staging table. The sidecar makes that table; no other may have the name. Only for `commit: staging`.',
    expected: '1 to 100 characters that a table name may have',
    example: '.staging',
  }),
  poll_for_ingestion_status: writeKeys.poll_for_ingestion_status.default(false).register(optionDocs, {
    text:
      'Ask Kusto what became of each batch, and keep one whose ingestion failed as a dead letter with the error of Kusto. Without it a batch is settled once it is queued, and nobody here sees a failure after that. ' +
      'It costs a question for each batch and the time until the answer, during which the batch stays in the journal; `exactly_once` always asks. It needs the journal.',
    example: true,
  }),
  poll_interval_ms: writeKeys.poll_interval_ms.default(5_000).register(optionDocs, {
    text: 'The pause between two questions for the same batch, at first; it grows while the batch stays undecided. Kusto aggregates for minutes by default, so a short one only costs questions.',
    unit: 'milliseconds',
    example: 10_000,
  }),
  poll_timeout_ms: writeKeys.poll_timeout_ms.default(300_000).register(optionDocs, {
    text:
      'How long nothing may be heard of a batch; at least `poll_interval_ms`. After that `at_least_once` stops asking and takes the batch for ingested, while `exactly_once` takes its message for lost, and sends another once the first can bring nothing any more. ' +
      'Stay above the batching time of the table, which is 5 minutes by default.',
    unit: 'milliseconds',
    example: 900_000,
  }),
  ingestion_mapping_ref: writeKeys.ingestion_mapping_ref.optional().register(optionDocs, {
    text: 'The name of a JSON ingestion mapping of the table. Use one when field names and column names differ.',
    expected: 'the name of an ingestion mapping',
    whenAbsent: 'Kusto maps fields to the columns of the same name',
    example: 'nginx_json',
  }),
  additional_tags: writeKeys.additional_tags.default([]).register(optionDocs, {
    text: 'Extent tags that Kusto puts on what it ingests, for example to tell sources apart. Keep them few: only blobs with the same tags are ingested together.',
    expected: 'a list of at most 50 tags of 1 to 256 characters',
    example: ['source:edge'],
  }),
  drop_by_tags: writeKeys.drop_by_tags.default([]).register(optionDocs, {
    text: 'Extent tags by which data can be dropped later, written without the prefix `drop-by:`. Kusto does not merge extents whose drop-by tags differ, so keep them few.',
    expected: 'a list of at most 50 tags of 1 to 256 characters',
    example: ['2026-11'],
  }),
  checkpoint_table: kustoName()
    .optional()
    .register(optionDocs, {
      text:
        'A table that gets one row for each batch that is settled: its id, destination, outcome, counts and times, so that a query proves that none is missing (`plugin-config/kusto/checkpoints.kql`). For all routes; a route has none of its own. ' +
        'It is made when it is missing and the identity may do that; otherwise the log has the command. A row is written to the journal before its batch leaves it, and takes the same way to Kusto.',
      expected: tableExpected,
      whenAbsent: 'no rows are written',
      example: 'SidecarCheckpoints',
    }),
  checkpoint_database: kustoName().optional().register(optionDocs, {
    text: 'The database of `checkpoint_table`.',
    expected: databaseExpected,
    whenAbsent: '`kusto.database`',
    example: 'Logs',
  }),
})
