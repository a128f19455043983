/** A proxy before an engine that cuts the connection of one request, before it was passed on or after its answer came. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'

export type CuttingProxy = {
  readonly url: string
  /** Cuts the `index`-th request from now on, counted from 0; none when it is negative. */
  cut(index: number, when: 'before' | 'after'): void
  close(): Promise<void>
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  let left = -1
  let cutsWhen: 'before' | 'after' = 'before'
  const server = createServer((incoming, response) => {
    const isCut = left === 0
    left -= 1
    void (async () => {
      const pieces: Buffer[] = []
      for await (const piece of incoming) pieces.push(piece as Buffer)
      if (isCut && cutsWhen === 'before') return void incoming.socket.destroy()
      const answer = await request(`${target}${incoming.url}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: Buffer.concat(pieces),
      })
      const text = await answer.body.text()
      if (isCut) return void incoming.socket.destroy()
      response.writeHead(answer.statusCode).end(text)
    })().catch(() => incoming.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut(index, when) {
      left = index
      cutsWhen = when
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
