import type { Socket } from 'node:net'
import type { RequestKey } from '../core/request-slice.ts'
import type { IntakeResult } from './body-intake.ts'

type Holder = {
  /** Where the answer is waited for, or was sent. */
  socket: Socket
  /** Undefined once it was answered with 2xx. */
  result: Promise<IntakeResult> | undefined
}

/**
 * On which connection the answer to a request is waited for, or went out without being known to be read. A request that is stored and has no
 * holder is one whose sender may send it again.
 */
export class Holders {
  readonly #holders = new Map<RequestKey, Holder>()

  /** The holder of a request that is in work. */
  inWork(key: RequestKey): Readonly<Holder> | undefined {
    const holder = this.#holders.get(key)
    return holder?.result === undefined ? undefined : holder
  }

  /** Whether somebody may still read the answer of this request, so that an equal one is no retry of it. */
  isHeld(key: RequestKey): boolean {
    const socket = this.#holders.get(key)?.socket
    return socket !== undefined && !socket.destroyed && !socket.readableEnded
  }

  /** The retry stands in the place of the first. */
  move(key: RequestKey, socket: Socket): void {
    const holder = this.#holders.get(key)
    if (holder !== undefined) holder.socket = socket
  }

  /** For an answer that goes out now. */
  hold(key: RequestKey, socket: Socket): void {
    this.#holders.set(key, { socket, result: undefined })
  }

  /** Gives the result back when it is there. With `untilRead` a request that is stored then stays held. */
  async holdWhile(
    key: RequestKey,
    socket: Socket,
    result: Promise<IntakeResult>,
    untilRead: boolean,
  ): Promise<IntakeResult> {
    const holder: Holder = { socket, result }
    this.#holders.set(key, holder)
    let isStored = false
    try {
      const taken = await result
      isStored = true
      return taken
    } finally {
      holder.result = undefined
      if (!isStored || !untilRead || holder.socket.destroyed) this.#holders.delete(key)
    }
  }

  /** The answer on this connection was read, or never will be. */
  release(key: RequestKey, socket: Socket): void {
    const holder = this.#holders.get(key)
    if (holder?.socket === socket && holder.result === undefined) this.#holders.delete(key)
  }
}
