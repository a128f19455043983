import assert from 'node:assert/strict'
import { z } from 'zod'
import { optionDocs, type OptionDocs } from './option-docs.ts'
import { optionName } from './option-name.ts'
import { configSchema } from './schema.ts'

type Kind = 'section' | 'list' | 'map' | 'text' | 'choice' | 'number' | 'switch' | 'scalar'

/** One key of the configuration file, read from the schema. */
export type Option = {
  /** From the root; an item of a list is `[]`, a value of a map with free keys `{}`. */
  readonly path: readonly string[]
  readonly kind: Kind
  /** What a valid value is, as the end of "expected ...". */
  readonly expected: string
  readonly choices: readonly string[]
  readonly isRequired: boolean
  readonly default?: unknown
  readonly docs?: OptionDocs
}

/** Every option in the order of the schema, sections before what is in them. */
export const options: readonly Option[] = listOptions(configSchema, [])

const byName = new Map(options.map((option) => [optionName(option.path), option]))

/** The option at a path of the schema or of a file. */
export function optionAt(path: readonly PropertyKey[]): Option | undefined {
  return byName.get(optionName(path)) ?? byName.get(optionName([...path.slice(0, -1), '{}']))
}

function listOptions(schema: z.core.$ZodType, path: readonly string[]): Option[] {
  const found = readOption(schema, path)
  const inner = unwrap(schema)
  if (inner instanceof z.ZodObject) {
    const below = Object.entries(inner.shape).flatMap(([key, child]) => listOptions(child, [...path, key]))
    return [found, ...below]
  }
  if (inner instanceof z.ZodArray) return [found, ...listOptions(inner.element, [...path, '[]'])]
  if (inner instanceof z.ZodRecord) return [found, ...listOptions(inner.valueType, [...path, '{}'])]
  return [found]
}

/** Whether the option is an item of a list or a value of a map, and so has no key of its own. */
export function isItem({ path }: Pick<Option, 'path'>): boolean {
  return path.at(-1) === '[]' || path.at(-1) === '{}'
}

function readOption(schema: z.core.$ZodType, path: readonly string[]): Option {
  const inner = unwrap(schema)
  const docs = optionDocs.get(schema)
  const type = typeOf(inner)
  const unit = docs?.unit === undefined ? '' : ` (${docs.unit})`
  const hasDefault = schema instanceof z.ZodDefault
  return {
    path,
    kind: type.kind,
    expected: docs?.expected ?? type.expected + unit,
    choices: inner instanceof z.ZodEnum ? inner.options.map(String) : [],
    isRequired: inner === schema && !isItem({ path }) && type.kind !== 'section',
    ...(hasDefault ? { default: schema.def.defaultValue } : {}),
    ...(docs === undefined ? {} : { docs }),
  }
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodExactOptional
  ) {
    inner = inner.unwrap()
  }
  return inner
}

function typeOf(schema: z.core.$ZodType): { kind: Kind; expected: string } {
  if (schema instanceof z.ZodObject) return { kind: 'section', expected: 'a mapping of keys to values' }
  if (schema instanceof z.ZodArray) return { kind: 'list', expected: 'a list' }
  if (schema instanceof z.ZodRecord) return { kind: 'map', expected: 'a mapping of names to values' }
  if (schema instanceof z.ZodUnion) return { kind: 'scalar', expected: 'text, a number, true or false' }
  if (schema instanceof z.ZodBoolean) return { kind: 'switch', expected: 'true or false' }
  if (schema instanceof z.ZodEnum) {
    return { kind: 'choice', expected: `one of ${schema.options.map((option) => `"${option}"`).join(', ')}` }
  }
  if (schema instanceof z.ZodNumber) {
    return { kind: 'number', expected: `a whole number from ${schema.minValue} to ${schema.maxValue}` }
  }
  assert(schema instanceof z.ZodString, 'an option of a type that this module does not know')
  const { minLength, maxLength } = schema
  return {
    kind: 'text',
    expected: maxLength === null ? 'text' : `text of ${minLength ?? 0} to ${maxLength} characters`,
  }
}
