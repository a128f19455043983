import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SidecarError, messageOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'

export type ListenAt = {
  readonly host: string
  readonly port: number
  /** The key of the configuration that names the address. */
  readonly key: string
  readonly log: Log
}

/** Makes a server listen. Rejects with PROCESS_START_FAILED, which names the key, when it cannot. */
export async function listenAt(server: Server, { host, port, key, log }: ListenAt): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, resolve)
  try {
    await promise
  } catch (error) {
    const message = `Cannot listen on ${host}:${port} (${key}): ${messageOf(error)}`
    throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
  }
  server.off('error', reject)
  server.on('error', (error) => log.error({ event: 'http.server_error', key }, messageOf(error)))
  return server.address() as AddressInfo
}
