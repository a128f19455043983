/**
 * Goal: what a real Fluent Bit reads arrives in Kusto, whatever its output's format and encoding, and whatever happens on the way.
 * Method: the Fluent Bit that FLUENT_BIT names posts to a sidecar process in front of the local Kusto, while things die and fail;
 * in the end the ids of all records are looked for in the tables. Without FLUENT_BIT nothing of this runs, and the run says so.
 */
import { it } from 'node:test'
import { fluentBitBinary, howToGetFluentBit } from '../helpers/fluent-bit.ts'

if (fluentBitBinary === undefined) {
  process.stderr.write(`\n${howToGetFluentBit}\n\n`)
  it('end to end with a real Fluent Bit', { skip: howToGetFluentBit }, () => undefined)
} else {
  await import('./samples.ts')
  await import('./matrix.ts')
  await import('./faults.ts')
  await import('./shapes.ts')
}
