import { z } from 'zod'
import { parseFieldPath } from '../core/field-path.ts'
import { kustoNameProblem } from '../core/kusto-name.ts'
import { parseTemplate } from '../core/template.ts'
import { databaseExpected, tableExpected } from './kusto-section.ts'
import { checkedText, optionDocs, text } from './option-docs.ts'
import { numberProblem, recordKeys, templateProblem } from './records-section.ts'
import { routePathProblem } from './route-path.ts'
import { writeKeys } from './write-section.ts'

const maxAllowed = 1_000
const listExpected = `a list of at most ${maxAllowed} names, in which "*" stands for any characters`

/** The name of a database or table, or a template for it. */
function nameTemplate() {
  return checkedText(
    (value) => {
      const problem = templateProblem(value)
      if (problem !== undefined) return problem
      const parsed = parseTemplate(value)
      // A placeholder can be filled by anything good; what is around it must be good in itself.
      const sample =
        'value' in parsed ? parsed.value.map((part) => (part.kind === 'text' ? part.text : 'x')) : []
      const nameProblem = kustoNameProblem(sample.join(''))
      return nameProblem === undefined ? undefined : `the name ${nameProblem}`
    },
    { repeatsValue: true },
  )
}

/** Names and patterns of names. */
function allowedNames() {
  const name = checkedText(
    (value) => {
      const problem = value === '' ? 'is empty' : kustoNameProblem(value.replaceAll('*', 'x'))
      return problem === undefined ? undefined : `the name ${problem}`
    },
    { repeatsValue: true },
  )
  return z.array(name).max(maxAllowed)
}

function fieldPathProblem(value: string): string | undefined {
  if (value.length > 1_024) return 'expected at most 1024 characters'
  const parsed = parseFieldPath(value)
  return 'problem' in parsed ? parsed.problem : undefined
}

const matchSection = z.strictObject({
  path: checkedText(routePathProblem).exactOptional().register(optionDocs, {
    text: 'The request path, or a bare name: `nginx` means `/ingest/nginx`. A slash at the end does not count, and `/v1/logs` at the end does not either, unless it is written here.',
    expected: 'a path such as "/ingest/nginx" or a name such as "nginx"',
    whenAbsent: 'every path',
    example: 'nginx',
  }),
  tag: text(1_024).exactOptional().register(optionDocs, {
    text: 'The tag in `records.tag_header`. `*` stands for any characters, as in `Match` of Fluent Bit; upper and lower case differ.',
    whenAbsent: 'every tag, and requests without one',
    example: 'kube.*',
  }),
  field: checkedText(fieldPathProblem).exactOptional().register(optionDocs, {
    text: "A field of the record that must be there and not null, or have the value of `equals`. Keys are divided by dots; one that has a dot itself is written `['service.name']`.",
    expected: 'the keys that lead to a field, such as "kubernetes.namespace_name"',
    whenAbsent: 'every record',
    example: 'kubernetes.namespace_name',
  }),
  equals: z
    .union([z.string(), z.number(), z.boolean(), z.null()])
    .superRefine((value, context) => {
      const message = numberProblem(value)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
    .exactOptional()
    .register(optionDocs, {
      text: 'The value that `field` must have, of the same type: the text "1" is not the number 1, while 1.0 is.',
      expected: 'text, a number, true, false or null',
      whenAbsent: 'any value but null',
      example: 'payments',
    }),
})

const templateText =
  'It may be made from tag and record by `{tag}`, `{tag[1]}` (a part between dots, from 0) and `{record.a.b}`'

export const routeSection = z.strictObject({
  match: matchSection.register(optionDocs, {
    text: 'Which records the route is for. At least one of the keys is needed, and all that are given must hold.',
  }),
  database: nameTemplate().register(optionDocs, {
    text: `The database of the table. ${templateText}; \`allowed_databases\` is needed then.`,
    expected: `${databaseExpected}, or a template for it`,
    example: 'Logs',
  }),
  table: nameTemplate().register(optionDocs, {
    text: `The table that the records go to. ${templateText}; \`allowed_tables\` is needed then.`,
    expected: `${tableExpected}, or a template for it`,
    example: '{record.kubernetes.labels.app}',
  }),
  allowed_databases: allowedNames()
    .exactOptional()
    .register(optionDocs, {
      text: 'Which databases a template may name; `*` stands for any characters. Records that name another one have no destination.',
      expected: listExpected,
      whenAbsent: 'not needed for a fixed name',
      example: ['Logs', 'Team-*'],
    }),
  allowed_tables: allowedNames()
    .exactOptional()
    .register(optionDocs, {
      text: 'Which tables a template may name; `*` stands for any characters. Records that name another one have no destination.',
      expected: listExpected,
      whenAbsent: 'not needed for a fixed name',
      example: ['App*'],
    }),
  batch_interval_ms: writeKeys.batch_interval_ms.exactOptional(),
  batch_size: writeKeys.batch_size.exactOptional(),
  client_batch_size_limit_mb: writeKeys.client_batch_size_limit_mb.exactOptional(),
  flush_immediately: writeKeys.flush_immediately.exactOptional(),
  delivery_guarantee: writeKeys.delivery_guarantee.exactOptional(),
  commit: writeKeys.commit.exactOptional(),
  staging_table_suffix: writeKeys.staging_table_suffix.exactOptional(),
  poll_for_ingestion_status: writeKeys.poll_for_ingestion_status.exactOptional(),
  poll_interval_ms: writeKeys.poll_interval_ms.exactOptional(),
  poll_timeout_ms: writeKeys.poll_timeout_ms.exactOptional(),
  ingestion_mapping_ref: writeKeys.ingestion_mapping_ref.exactOptional(),
  additional_tags: writeKeys.additional_tags.exactOptional(),
  drop_by_tags: writeKeys.drop_by_tags.exactOptional(),
  shape: recordKeys.shape.exactOptional(),
  time_key: recordKeys.time_key.exactOptional(),
  tag_key: recordKeys.tag_key.exactOptional(),
  log_key: recordKeys.log_key.exactOptional(),
  date_key: recordKeys.date_key.exactOptional(),
  date_format: recordKeys.date_format.exactOptional(),
  add: recordKeys.add.exactOptional(),
  wrap_text: recordKeys.wrap_text.exactOptional(),
  text_key: recordKeys.text_key.exactOptional(),
  oversized_values: recordKeys.oversized_values.exactOptional(),
})

export const pathDestinationsSection = z.strictObject({
  allowed_databases: allowedNames()
    .default(['*'])
    .register(optionDocs, {
      text: 'Which databases a path may name; `*` stands for any characters. An empty list switches `/ingest/{database}/{table}` off.',
      expected: listExpected,
      example: ['Logs'],
    }),
  allowed_tables: allowedNames()
    .default(['*'])
    .register(optionDocs, {
      text: 'Which tables a path may name; `*` stands for any characters. An empty list switches `/ingest/{database}/{table}` off.',
      expected: listExpected,
      example: ['App*', 'Nginx'],
    }),
})

export type RouteFile = z.output<typeof routeSection>
