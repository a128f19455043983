import { LRUCache } from 'lru-cache'
import type { Target, WriteSettings } from '../core/destination.ts'
import { SidecarError } from '../core/errors.ts'
import { kustoNameProblem } from '../core/kusto-name.ts'
import type { Router } from '../core/ports.ts'
import { quoteShort } from '../core/quote-short.ts'
import { type Segment, segmentsOf } from './segments.ts'

export type RouterOptions = {
  /** Paths with a destination of their own, each path once. */
  readonly routes: readonly {
    readonly path: string
    readonly database: string
    readonly table: string
    readonly write: WriteSettings
  }[]
  /** Where records posted to `/` go. */
  readonly defaultDestination: { readonly database: string; readonly table: string } | undefined
  /** For `/` and `/ingest/{database}/{table}`. */
  readonly write: WriteSettings
  /** How many destinations are in use at once; as many looked-up paths are remembered. */
  readonly maxOpenDestinations: number
}

/** Remembered paths together; without it long paths could take 16 MB and more. */
const maxRememberedCharacters = 1_000_000

/**
 * Chooses the target for a request path: first the configured routes, then `/ingest/{database}/{table}`, then `/`. A slash
 * at the end does not count, and each segment is percent-decoded on its own, so that `%2F` never divides segments.
 *
 * The same path gives the identical target object as long as it is remembered, and always one with the same `targetKey`.
 * How many batches are open is not known here; the batch stage limits them.
 */
export function createRouter(options: RouterOptions): Router {
  const { defaultDestination, write } = options
  const routed = new Map(
    options.routes.map((route) => [
      pathKey(segmentsOf(route.path)),
      targetOf(route.database, route.table, route.write),
    ]),
  )
  const rootTarget =
    defaultDestination === undefined
      ? undefined
      : targetOf(defaultDestination.database, defaultDestination.table, write)
  const remembered = new LRUCache<string, Target>({
    max: options.maxOpenDestinations,
    maxSize: maxRememberedCharacters,
    sizeCalculation: (_, path) => Math.max(path.length, 1),
  })

  const choose = (path: string): Target => {
    const segments = segmentsOf(path)
    const target = routed.get(pathKey(segments))
    if (target !== undefined) return target
    if (segments.length === 0 && rootTarget !== undefined) return rootTarget
    return chooseByName(segments, write)
  }

  return {
    route(path) {
      const known = remembered.get(path)
      if (known !== undefined) return known
      const target = choose(path)
      remembered.set(path, target)
      return target
    },
  }
}

function chooseByName(segments: readonly Segment[], write: WriteSettings): Target {
  const [first, second, third] = segments
  if (segments.length === 0) {
    throw new SidecarError(
      'ROUTE_NOT_FOUND',
      'The path "/" has no destination: set kusto.database and kusto.table, or post to /ingest/{database}/{table}.',
    )
  }
  if (first?.text === 'ingest' && second !== undefined && third !== undefined && segments.length === 3) {
    return targetOf(nameOf('database', second), nameOf('table', third), write)
  }
  if (first?.text === 'ingest' && second !== undefined && segments.length === 2) {
    const name = quoteShort(second.text)
    throw new SidecarError(
      'ROUTE_NOT_FOUND',
      `There is no route named ${name}: add it to routes, or post to /ingest/{database}/{table}.`,
    )
  }
  const path = quoteShort(`/${segments.map((segment) => segment.text).join('/')}`)
  throw new SidecarError(
    'ROUTE_NOT_FOUND',
    `There is no route for the path ${path}: add it to routes, or post to /ingest/{database}/{table}.`,
  )
}

function nameOf(kind: 'database' | 'table', segment: Segment): string {
  const problem = segment.isMalformed
    ? `${quoteShort(segment.text)} has a "%" that does not begin an escaped UTF-8 character`
    : kustoNameProblem(segment.text)
  if (problem === undefined) return segment.text
  throw new SidecarError('ROUTE_NAME_INVALID', `The ${kind} name ${problem}.`)
}

/** Equal for paths that differ only in how they are escaped. */
function pathKey(segments: readonly Segment[]): string {
  return JSON.stringify(segments.map((segment) => (segment.isMalformed ? null : segment.text)))
}

function targetOf(database: string, table: string, write: WriteSettings): Target {
  const { batchIntervalMs, batchSize, maxRawBytes, deliveryGuarantee, ...properties } = write
  return {
    destination: { ...properties, database, table },
    limits: { batchIntervalMs, batchSize, maxRawBytes },
    guarantee: deliveryGuarantee,
  }
}
