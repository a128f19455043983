import { z } from 'zod'
import { addConflicts } from './conflicts.ts'
import { databaseExpected, kustoName, kustoSection, tableExpected } from './kusto-section.ts'
import { checkedText, optionDocs } from './option-docs.ts'
import { routePathProblem } from './route-path.ts'
import { deadLetterSection, journalSection, logSection, retrySection, serverSection } from './sections.ts'
import { writeKeys, writeSection } from './write-section.ts'

const routeSection = z.strictObject({
  match: z
    .strictObject({
      path: checkedText(routePathProblem).register(optionDocs, {
        text: 'The request path, or a bare name: `nginx` means `/ingest/nginx`. A slash at the end does not count.',
        expected: 'a path such as "/ingest/nginx" or a name such as "nginx"',
        example: 'nginx',
      }),
    })
    .register(optionDocs, { text: 'Which requests the route is for.' }),
  database: kustoName().register(optionDocs, {
    text: 'The database of the table.',
    expected: databaseExpected,
    example: 'Logs',
  }),
  table: kustoName().register(optionDocs, {
    text: 'The table that the records go to.',
    expected: tableExpected,
    example: 'Nginx',
  }),
  batch_interval_ms: writeKeys.batch_interval_ms.exactOptional(),
  batch_size: writeKeys.batch_size.exactOptional(),
  client_batch_size_limit_mb: writeKeys.client_batch_size_limit_mb.exactOptional(),
  flush_immediately: writeKeys.flush_immediately.exactOptional(),
  delivery_guarantee: writeKeys.delivery_guarantee.exactOptional(),
  ingestion_mapping_ref: writeKeys.ingestion_mapping_ref.exactOptional(),
  additional_tags: writeKeys.additional_tags.exactOptional(),
  drop_by_tags: writeKeys.drop_by_tags.exactOptional(),
})

const fileShape = z.strictObject({
  server: serverSection.prefault({}).register(optionDocs, { text: 'The side of the shippers.' }),
  kusto: kustoSection.register(optionDocs, { text: 'The side of Kusto.' }),
  write: writeSection.prefault({}).register(optionDocs, {
    text: 'How records become batches. The names and defaults are those of the Flink sink for Kusto; a route can have its own value for each.',
  }),
  retry: retrySection
    .prefault({})
    .register(optionDocs, { text: 'What happens when Kusto cannot be reached.' }),
  journal: journalSection.prefault({}).register(optionDocs, { text: 'The batches on disk.' }),
  dead_letter: deadLetterSection.prefault({}).register(optionDocs, { text: 'What can never be delivered.' }),
  routes: z.array(routeSection).max(1_000).default([]).register(optionDocs, {
    text: 'Paths with a destination of their own. They go before `/ingest/{database}/{table}` and `/`, and each may have any key of `write` besides.',
    expected: 'a list of at most 1000 routes',
  }),
  unrouted: z.enum(['dead_letter', 'reject']).default('dead_letter').register(optionDocs, {
    text: 'What happens to records whose path has no destination or an invalid name. `dead_letter` keeps them and answers 200; `reject` answers 404 or 400, and shippers then drop what they sent.',
    example: 'reject',
  }),
  log: logSection.prefault({}).register(optionDocs, { text: 'What the sidecar writes about itself.' }),
})

/** A valid configuration file as it is written: snake_case, with the units of the keys, defaults filled in. */
export type ConfigFile = z.output<typeof fileShape>

/** Types, ranges, defaults, docs and impossible combinations of every option. */
export const configSchema = fileShape.superRefine(addConflicts, { when: () => true })
