import { stringAt, typeAt } from '../core/json-members.ts'
import type { FieldReader } from './field-reader.ts'

export type FieldCondition = {
  readonly path: readonly string[]
  holds(reader: FieldReader): boolean
}

type Options = { readonly path: readonly string[]; readonly equals?: string | number | boolean | null }

/**
 * A condition on a field of a record. Types must be equal too: the text "1" is not the number 1. Numbers are compared by their value,
 * so that 1.0 and 1e0 are 1. Without `equals` the field has to be there and not null.
 */
export function fieldCondition({ path, equals }: Options): FieldCondition {
  const wantedType =
    equals === null
      ? 'null'
      : equals === undefined
        ? undefined
        : (typeof equals as 'string' | 'number' | 'boolean')
  return {
    path,
    holds(reader) {
      const value = reader.find(path)
      if (value === undefined) return false
      const { bytes } = reader
      const type = typeAt(bytes, value.start)
      if (wantedType === undefined) return type !== 'null'
      if (type !== wantedType) return false
      switch (wantedType) {
        case 'null':
          return true
        case 'string':
          return stringAt(bytes, value.start, value.end) === equals
        case 'number':
          return Number(bytes.toString('latin1', value.start, value.end)) === equals
        case 'boolean':
          return bytes.toString('latin1', value.start, value.end) === String(equals)
      }
    },
  }
}
