import { z } from 'zod'
import { parseTemplate } from '../core/template.ts'
import { checkedText, optionDocs, text } from './option-docs.ts'

const maxTemplateLength = 4_096
const maxAddedFields = 100
const maxKeyLength = 256

const headerExpected = 'the name of an HTTP header, of letters, digits and "-"'

/** Headers that hold a secret or have a meaning of their own: their values must not get into rows, routes and dead letters. */
const takenHeaders =
  /^(?:authorization|proxy-.*|cookie|host|connection|content-.*|transfer-encoding|idempotency-key|constructor|expect|upgrade|te|trailer)$/i

const headerName = checkedText((value) => {
  if (!/^[A-Za-z0-9-]{1,100}$/.test(value)) return `expected ${headerExpected}, found other text`
  return takenHeaders.test(value)
    ? 'this header has a meaning of its own and cannot carry the tag'
    : undefined
})

/** A number that is read from YAML can have lost digits. */
export function numberProblem(value: unknown): string | undefined {
  if (typeof value !== 'number') return undefined
  if (!Number.isFinite(value)) return 'expected a number that JSON has, not infinity or not-a-number'
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return undefined
  return 'this whole number has too many digits to be read exactly'
}

/** What is wrong with a template, as a whole message, or undefined. Repeats nothing of it. */
export function templateProblem(template: string): string | undefined {
  if (template.length > maxTemplateLength) return `expected at most ${maxTemplateLength} characters`
  const parsed = parseTemplate(template)
  return 'problem' in parsed ? parsed.problem : undefined
}

const addedValue = z
  .union([z.string(), z.number(), z.boolean()])
  .superRefine((value, context) => {
    const message = typeof value === 'string' ? templateProblem(value) : numberProblem(value)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
  .register(optionDocs, {
    text: 'The value of one field.',
    expected: 'text (which may have placeholders), a number, true or false',
    example: '{tag}',
  })

const addedFields = z.record(z.string(), addedValue).superRefine((fields, context) => {
  const keys = Object.keys(fields)
  if (keys.length > maxAddedFields) {
    context.addIssue({ code: 'custom', message: `expected at most ${maxAddedFields} fields` })
  }
  for (const key of keys) {
    if (key.length >= 1 && key.length <= maxKeyLength) continue
    context.addIssue({
      code: 'custom',
      path: [key],
      message: `expected a name of 1 to ${maxKeyLength} characters`,
    })
  }
})

const key = text(maxKeyLength)

/** The keys of `records` without their defaults that a route may have too. */
export const recordKeys = {
  shape: z.enum(['as_is', 'envelope']),
  time_key: key,
  tag_key: key,
  log_key: key,
  date_key: key,
  date_format: z.enum(['as_is', 'iso8601']),
  add: addedFields,
  wrap_text: z.enum(['content_type', 'always', 'never']),
  text_key: key,
  oversized_values: z.enum(['dead_letter', 'keep']),
}

export const recordsSection = z.strictObject({
  shape: recordKeys.shape.default('as_is').register(optionDocs, {
    text:
      '`as_is` keeps the bytes of each record. `envelope` makes the rows of the Kusto output of Fluent Bit itself, `{"timestamp": "...", "tag": "...", "log": {...}}`, ' +
      'so that its tables can be used unchanged. A record without a time gets no `timestamp` and a request without a tag no `tag`: the columns stay empty.',
    example: 'envelope',
  }),
  time_key: recordKeys.time_key.default('timestamp').register(optionDocs, {
    text: 'With `shape: envelope`, the name of the field with the time: ISO 8601 with seven digits behind the second when the record has a number, its own text otherwise.',
    example: 'TimeGenerated',
  }),
  tag_key: recordKeys.tag_key.default('tag').register(optionDocs, {
    text: 'With `shape: envelope`, the name of the field with the tag.',
    example: 'Tag',
  }),
  log_key: recordKeys.log_key.default('log').register(optionDocs, {
    text: 'With `shape: envelope`, the name of the field with the rest of the record.',
    example: 'Record',
  }),
  tag_header: headerName.default('X-Fluent-Tag').register(optionDocs, {
    text: 'The request header that carries the tag, for `match.tag`, `{tag}` and the envelope. Set the same name as `header_tag` in Fluent Bit, which sends none by default.',
    expected: headerExpected,
    example: 'X-Tag',
  }),
  date_key: recordKeys.date_key.default('date').register(optionDocs, {
    text: 'Where the shipper puts the time of a record: `json_date_key` of Fluent Bit. Used with `date_format: iso8601` and `shape: envelope`.',
    example: 'time',
  }),
  date_format: recordKeys.date_format.default('as_is').register(optionDocs, {
    text:
      '`iso8601` turns a number under `date_key` into text such as `2026-11-05T08:15:30.1234560Z`, which Kusto takes for a datetime: ' +
      'seconds since 1970 with or without a fraction below 1e11, milliseconds below 1e14, microseconds below 1e17, nanoseconds below 1e20. Text and everything else stay as they are.',
    example: 'iso8601',
  }),
  add: recordKeys.add.default({}).register(optionDocs, {
    text:
      'Fields that are added to each record (or row of an envelope) unless it has a field of that name. Text may have the placeholders `{tag}`, `{tag[1]}` (a part between dots, from 0) ' +
      'and `{record.a.b}`, and `{{` for a brace; `{record.a.b}` alone keeps the type of the field. A field that cannot be filled is left out. The fields of a route stand instead of the common ones.',
    expected: `a mapping of at most ${maxAddedFields} names to texts, numbers, true or false`,
    example: { cluster: 'prod', node: '${NODE_NAME}', source: '{tag}' },
  }),
  wrap_text: recordKeys.wrap_text.default('content_type').register(optionDocs, {
    text: 'Which lines that are not JSON become records of one field: those of bodies with `Content-Type: text/plain`, of any body (`always`), or none (`never`), so that they are kept as dead letters.',
    example: 'always',
  }),
  text_key: recordKeys.text_key.default('message').register(optionDocs, {
    text: 'The name of the field that such a line becomes.',
    example: 'log',
  }),
  oversized_values: recordKeys.oversized_values.default('dead_letter').register(optionDocs, {
    text: 'What happens to a record with a field over 1 MiB, of which Kusto stores the first part (text) or nothing at all (objects and lists) without an error. `keep` sends it all the same.',
    example: 'keep',
  }),
})

export type RecordsFile = z.output<typeof recordsSection>
