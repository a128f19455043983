import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { IntakeResult } from './body-intake.ts'

/** A request in work, and the connection on which its answer is waited for: its own, or that of the retry that joined it last. */
type InWork = { socket: Socket; readonly result: Promise<IntakeResult> }

/**
 * Requests that have no answer yet, by what makes them equal. A shipper that gave up on an answer sends the same bytes again while the first
 * request may still be in work: the second is answered with the result of the first. Of a shipper that is known to close the connection
 * before it does so, an equal request is no retry as long as that of the first is open, but has records of its own. For the same
 * reason a request is then joined by the next retry only when the last one was given up too.
 */
export class RequestsInWork {
  readonly #equals = new Map<string, Set<InWork>>()

  /**
   * The result of an equal request of which this may be the retry; whoever asks stands in its place from now on. Never one on the same
   * connection, where a second request cannot be a retry of one that has no answer.
   */
  join(key: string, { socket }: IncomingMessage, mustBeClosed: boolean): Promise<IntakeResult> | undefined {
    const first = this.#equals
      .get(key)
      ?.values()
      .find((equal) => equal.socket.destroyed || (!mustBeClosed && equal.socket !== socket))
    if (first === undefined) return undefined
    first.socket = socket
    return first.result
  }

  /** Gives the result back when it is there. */
  add(key: string, { socket }: IncomingMessage, result: Promise<IntakeResult>): Promise<IntakeResult> {
    const equals = this.#equals.get(key) ?? new Set()
    const inWork = { socket, result }
    this.#equals.set(key, equals.add(inWork))
    return result.finally(() => {
      equals.delete(inWork)
      if (equals.size === 0) this.#equals.delete(key)
    })
  }
}
