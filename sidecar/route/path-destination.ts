import { SidecarError } from '../core/errors.ts'
import { kustoNameProblem } from '../core/kusto-name.ts'
import { quoteShort } from '../core/quote-short.ts'
import { anyWildcard, type Wildcard } from '../core/wildcard.ts'
import type { Segment } from './segments.ts'

export type PathDestinationOptions = {
  /** Exact names and patterns with `*`. When either list is empty, paths do not name destinations at all. */
  readonly allowedDatabases: readonly string[]
  readonly allowedTables: readonly string[]
}

type Names = { readonly database: string; readonly table: string }

/** What paths mean for which there is no route: `/ingest/{database}/{table}`. */
export class PathDestinations {
  readonly #isOn: boolean
  readonly #allowed: { readonly database: Wildcard; readonly table: Wildcard }

  constructor({ allowedDatabases, allowedTables }: PathDestinationOptions) {
    this.#isOn = allowedDatabases.length > 0 && allowedTables.length > 0
    this.#allowed = { database: anyWildcard(allowedDatabases), table: anyWildcard(allowedTables) }
  }

  /** The names in a path. `isRouted` tells that there are routes for the path, whose other conditions did not hold. */
  namesIn(segments: readonly Segment[], isRouted: boolean): Names | SidecarError {
    const [first, second, third] = segments
    const isBelowIngest = first?.text === 'ingest'
    if (this.#isOn && isBelowIngest && second !== undefined && third !== undefined && segments.length === 3) {
      const problem = this.#problem('database', second) ?? this.#problem('table', third)
      return problem ?? { database: second.text, table: third.text }
    }
    const instead = this.#isOn ? ', or post to /ingest/{database}/{table}' : ''
    if (isRouted) {
      return notFound(
        `${pathText(segments)} has routes, but tag and fields fit none of them: add one that has only the path`,
      )
    }
    if (segments.length === 0) {
      return notFound(`The path "/" has no destination: set kusto.database and kusto.table${instead}`)
    }
    if (isBelowIngest && second !== undefined && segments.length === 2) {
      return notFound(`There is no route named ${quoteShort(second.text)}: add it to routes${instead}`)
    }
    return notFound(`There is no route for ${lowerFirst(pathText(segments))}: add it to routes${instead}`)
  }

  #problem(kind: 'database' | 'table', { text, isMalformed }: Segment): SidecarError | undefined {
    const problem = isMalformed
      ? `${quoteShort(text)} has a "%" that does not begin an escaped UTF-8 character`
      : kustoNameProblem(text)
    if (problem !== undefined) return new SidecarError('ROUTE_NAME_INVALID', `The ${kind} name ${problem}.`)
    if (this.#allowed[kind](text)) return undefined
    return new SidecarError(
      'ROUTE_NOT_ALLOWED',
      `The ${kind} ${quoteShort(text)} is not in path_destinations.allowed_${kind}s: add it there if it is wanted.`,
    )
  }
}

function notFound(message: string): SidecarError {
  return new SidecarError('ROUTE_NOT_FOUND', `${message}.`)
}

function pathText(segments: readonly Segment[]): string {
  return `The path ${quoteShort(`/${segments.map((segment) => segment.text).join('/')}`)}`
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
