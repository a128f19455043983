import type { Socket } from 'node:net'
import type { IntakeResult } from './body-intake.ts'

/** A request in work, and the connection on which its answer is waited for: its own, or that of the retry that joined it last. */
type InWork = { socket: Socket; readonly result: Promise<IntakeResult> }

/**
 * Requests that have no answer yet, by what makes them equal. A shipper that gave up on an answer closes the connection and sends the
 * same bytes again, while the first request may still be in work: the second is answered with the result of the first. As long as
 * somebody waits on the connection of the first, an equal request is no retry but has records of its own, such as two files with the
 * same line in the same second. For the same reason a request is joined by the next retry only when the last one was given up too.
 */
export class RequestsInWork {
  readonly #equals = new Map<string, Set<InWork>>()

  /** The result of an equal request that was given up; whoever asks stands in its place from now on. */
  join(key: string, socket: Socket): Promise<IntakeResult> | undefined {
    const givenUp = this.#equals
      .get(key)
      ?.values()
      .find((equal) => equal.socket.destroyed)
    if (givenUp === undefined) return undefined
    givenUp.socket = socket
    return givenUp.result
  }

  /** Gives the result back when it is there. */
  add(key: string, socket: Socket, result: Promise<IntakeResult>): Promise<IntakeResult> {
    const equals = this.#equals.get(key) ?? new Set()
    const inWork = { socket, result }
    this.#equals.set(key, equals.add(inWork))
    return result.finally(() => {
      equals.delete(inWork)
      if (equals.size === 0) this.#equals.delete(key)
    })
  }
}
