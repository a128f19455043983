import type { z } from 'zod'
import { quoteShort } from '../core/quote-short.ts'
import { nearest } from './nearest.ts'
import { type Option, optionAt } from './options.ts'
import { isUnavailableValue, unavailableText } from './unavailable.ts'

/**
 * What to say about a value that the schema refused: what was expected, what was found, and what was perhaps meant.
 * A value is repeated only when it was written in the file, is short, and belongs to an option that cannot hold a secret.
 */
export function issueText(issue: z.core.$ZodIssue, value: unknown, variables: readonly string[]): string {
  const option = optionAt(issue.path)
  const isHidden = variables.length > 0 && issue.code === 'custom' && issue.params?.['repeatsValue'] === true
  if (option === undefined || (issue.code === 'custom' && !isHidden)) return issue.message
  const isWritten = variables.length === 0
  if (isUnavailableValue(issue.path, value)) {
    return isWritten ? `"${String(value)}" ${unavailableText}` : `${originOf(variables)} ${unavailableText}`
  }
  const near = typeof value === 'string' && isWritten ? nearest(value, option.choices) : undefined
  return [
    `expected ${option.expected}, found ${found(option, value, variables)}`,
    ...(near === undefined ? [] : [`did you mean "${near}"?`]),
    ...(option.kind === 'text' && isPlainNonText(value) ? ['put it in quotes'] : []),
  ].join('; ')
}

function found(option: Option, value: unknown, variables: readonly string[]): string {
  if (value === undefined || value === null) {
    return variables.length === 0 ? 'nothing' : `nothing, since ${originOf(variables)} is empty`
  }
  const kind = kindOf(value)
  if (variables.length > 0) return `${kind} in ${originOf(variables)}`
  if (option.docs?.secret === true || option.docs?.private === true) return kind
  switch (option.kind) {
    case 'section':
    case 'map':
    case 'scalar':
      return kind
    case 'list':
      return Array.isArray(value) ? `a list of ${value.length}` : kind
    case 'text':
      if (typeof value === 'string') return value === '' ? 'empty text' : `text of ${value.length} characters`
      return kind
    case 'choice':
    case 'number':
    case 'switch':
      if (typeof value === 'string') return quoteShort(value)
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kind
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return value === '' ? 'empty text' : 'text'
  if (typeof value === 'number') return 'a number'
  if (typeof value === 'boolean') return 'true or false'
  return 'a mapping'
}

function originOf(variables: readonly string[]): string {
  return `the value of ${[...new Set(variables)].map((name) => `\${${name}}`).join(' and ')}`
}

function isPlainNonText(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean'
}
