import { hash } from 'node:crypto'
import type { Config } from './config.ts'

/**
 * A number of 32 bits, equal for configurations that cut every body into the same parts with the same records in the same order,
 * and, but for chance, different for others. It is kept with what is stored of a request: the place of a record in a part
 * says which record it is only as long as bodies are cut in the same way. `version` stands for the code that cuts them.
 */
export function planFingerprint(
  config: Pick<
    Config,
    'defaultDestination' | 'pathDestinations' | 'records' | 'routes' | 'unrouted' | 'write'
  >,
  version: string,
): number {
  const { defaultDestination = null, pathDestinations, records, routes, unrouted, write } = config
  const all = [version, defaultDestination, pathDestinations, records, routes, unrouted, write]
  return hash('sha256', canonicalJson(all), 'buffer').readUInt32BE(0)
}

/** JSON with the members of each object in one order. Members without a value count as absent. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}
