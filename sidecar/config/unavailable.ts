import { optionName } from './option-name.ts'

/**
 * Keys and values that the documentation of the whole design names and that this version does not have. They are refused by
 * name instead of being called unknown, so that nobody looks for a misspelling.
 */
const keys = new Set(['kusto.ingestion'])

const values: Readonly<Record<string, readonly string[]>> = {
  'kusto.auth.type': ['client_certificate', 'access_token'],
}

export const unavailableText = 'is not available in this version'

export function isUnavailableKey(path: readonly PropertyKey[]): boolean {
  return keys.has(optionName(path))
}

export function isUnavailableValue(path: readonly PropertyKey[], value: unknown): boolean {
  return typeof value === 'string' && values[optionName(path)]?.includes(value) === true
}
