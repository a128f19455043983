import type { RequestSlice } from '../core/request-slice.ts'

/**
 * Leaves out the arrivals of which the sender certainly saw a 2xx: on their connection a further request came, and a connection gets
 * another name after each answer that is not 2xx, and none where the inference does not hold. What such an arrival stored must not be counted
 * for a later one with an equal body, of which a part may be missing.
 */
export function unreadSlices(slices: readonly RequestSlice[]): RequestSlice[] {
  const lastNumbers = new Map<string, number>()
  for (const { connection, requestNumber } of slices) {
    if (connection === '') continue
    const last = lastNumbers.get(connection) ?? 0
    if (requestNumber > last) lastNumbers.set(connection, requestNumber)
  }
  return slices.filter(({ connection, requestNumber }) => requestNumber >= (lastNumbers.get(connection) ?? 0))
}
