import assert from 'node:assert/strict'
import type { DeadLetter } from '../../../sidecar/core/ports.ts'
import type { Fate, Message } from './fake-kusto.ts'
import type { World } from './world.ts'

/** The first message fares like this, later ones as usual. */
export const first = (fate: Partial<Fate>) => (message: Message) => (message.number === 0 ? fate : {})

/** How often each outcome of an ingestion was counted. */
export async function outcomes(world: World): Promise<Record<string, number>> {
  const { values } = await world.metrics.deliveryConfirmations.get()
  return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]))
}

/** How many messages were replaced, by why. */
export async function replaced(world: World): Promise<Record<string, number>> {
  const { values } = await world.metrics.deliveryReplacedMessages.get()
  return Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]))
}

/** Lets time pass; then batch `a` is settled and in the table once. */
export async function endsInTheTable(world: World, ms: number): Promise<void> {
  await world.run(ms)
  assert.equal(world.isSettled, true)
  assert.equal(world.kusto.rows.get('a'), 1)
  assert.deepEqual(world.letters, [])
}

/** The batches that dead letters hold, each once. */
export function letteredBatches(letters: readonly DeadLetter[]): Set<string> {
  return new Set(letters.map(({ bytes }) => (JSON.parse(bytes.toString()) as { id: string }).id))
}
