/**
 * Sends bodies as Fluent Bit does: each until its 200 was seen, byte for byte the same, one at a time on a connection that is kept; after
 * anything but an answer, on a new one.
 */
import { Agent, request } from 'node:http'

export class RetryingClient {
  /** Every record that was acknowledged. */
  readonly acknowledged: string[] = []
  requestsCount = 0
  repeatedCount = 0
  readonly #path: string
  readonly #url: () => string
  readonly #pause: () => Promise<void>
  #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  /** `url` says where the sidecar is now; `pause` is awaited before a body is sent again. */
  constructor(options: { path: string; url: () => string; pause: () => Promise<void> }) {
    this.#path = options.path
    this.#url = options.url
    this.#pause = options.pause
  }

  /** Resolves when it was acknowledged. */
  async send(records: readonly string[]): Promise<void> {
    const body = records.join('\n')
    for (;;) {
      const answer = await this.#post(body)
      if (answer?.status === 200) {
        if (answer.text.includes('"repeated":true')) this.repeatedCount += 1
        this.acknowledged.push(...records)
        return
      }
      await this.#pause()
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #post(body: string): Promise<{ status: number; text: string } | undefined> {
    this.requestsCount += 1
    try {
      return await new Promise((resolve, reject) => {
        const call = request(
          `${this.#url()}${this.#path}`,
          { method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/x-ndjson' } },
          (response) => {
            const pieces: Buffer[] = []
            response.on('data', (piece: Buffer) => pieces.push(piece))
            response.on('end', () =>
              resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }),
            )
            response.on('error', reject)
          },
        )
        call.on('error', reject)
        call.end(body)
      })
    } catch {
      this.#agent.destroy()
      this.#agent = new Agent({ keepAlive: true, maxSockets: 1 })
      return undefined
    }
  }
}
