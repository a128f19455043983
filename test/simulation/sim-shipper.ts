/**
 * A shipper as Fluent Bit and Vector are: it sends a body until it has seen a 2xx for it, byte for byte the same, on a new connection
 * after each answer that it did not see. It sends one request at a time on a connection.
 */
import type { SeededRandom } from '../fakes/seeded-random.ts'

export type SimBody = { readonly text: string; readonly records: readonly string[] }

/** What the sidecar's side knows of a connection. */
export type SimConnection = { id: string; requestNumber: number; readKey: string | undefined }

export type Receive = (connection: SimConnection, body: SimBody) => Promise<boolean>

export type SimShipperOptions = {
  readonly random: SeededRandom
  readonly nextBody: () => SimBody
  readonly onAcknowledged: (body: SimBody) => void
  /** The chance that an answer is not seen. */
  readonly lostAnswers: number
}

export class SimShipper {
  readonly #options: SimShipperOptions
  #connection: SimConnection
  #body: SimBody | undefined
  #isWaiting = false
  #waitedSteps = 0
  /** Grows when the shipper gives up on an answer, so that a late one is not taken for that of a later request. */
  #attempt = 0
  /** How often it had to send a body again without knowing what became of it. */
  uncertainties = 0

  constructor(options: SimShipperOptions) {
    this.#options = options
    this.#connection = this.#connect()
  }

  /** Nothing is on its way that was not acknowledged. */
  get isDone(): boolean {
    return this.#body === undefined
  }

  /** The process behind the connection died. */
  disconnect(): void {
    if (this.#isWaiting) this.uncertainties += 1
    this.#attempt += 1
    this.#isWaiting = false
    this.#connection = this.#connect()
  }

  /** Sends what is next when nothing is waited for; with `mayStart` false only what was begun. */
  step(receive: Receive, mayStart: boolean): void {
    if (this.#isWaiting) {
      this.#waitedSteps += 1
      // As after 60 seconds: the first may still be in work.
      if (this.#waitedSteps > 20) this.disconnect()
      return
    }
    if (this.#body === undefined && !mayStart) return
    this.#body ??= this.#options.nextBody()
    this.#isWaiting = true
    this.#waitedSteps = 0
    this.#attempt += 1
    const attempt = this.#attempt
    const body = this.#body
    void receive(this.#connection, body).then((isStored) => {
      if (attempt === this.#attempt) this.#answered(body, isStored)
    })
  }

  #answered(body: SimBody, isStored: boolean): void {
    if (this.#options.random.next() < this.#options.lostAnswers) {
      this.disconnect()
      return
    }
    this.#isWaiting = false
    if (!isStored) return
    this.#body = undefined
    this.#options.onAcknowledged(body)
  }

  #connect(): SimConnection {
    return { id: this.#options.random.hex(8), requestNumber: 0, readKey: undefined }
  }
}
