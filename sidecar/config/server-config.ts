import assert from 'node:assert/strict'
import type { ServerAuth, ServerTls } from '../core/server-auth.ts'
import { type ListenAddress, parseListenAddress } from './listen-address.ts'
import { adminOff, type ServerSection } from './server-section.ts'

/** The keys of `server` as the program uses them. */
export type ServerConfig = {
  readonly listen: ListenAddress
  /** Undefined when there is no admin listener. */
  readonly adminListen: ListenAddress | undefined
  readonly auth: ServerAuth
  /** Undefined for plain HTTP. */
  readonly tls: ServerTls | undefined
  readonly maxBodyBytes: number
  readonly maxInFlightBytes: number
  readonly maxInFlightRequests: number
  readonly joinIdenticalRequests: boolean
  readonly shutdownGraceMs: number
}

const bytesPerMebibyte = 1_048_576

/** Turns a section that the schema accepted into the form that the program uses. */
export function toServer(server: ServerSection): ServerConfig {
  const listen = parseListenAddress(server.listen)
  assert(listen !== undefined)
  return {
    listen,
    adminListen: server.admin_listen === adminOff ? undefined : parseListenAddress(server.admin_listen),
    auth: toAuth(server.auth),
    tls: toTls(server.tls),
    maxBodyBytes: server.max_body_mb * bytesPerMebibyte,
    maxInFlightBytes: server.max_in_flight_mb * bytesPerMebibyte,
    maxInFlightRequests: server.max_in_flight_requests,
    joinIdenticalRequests: server.join_identical_requests,
    shutdownGraceMs: server.shutdown_grace_ms,
  }
}

function toAuth(auth: ServerSection['auth']): ServerAuth {
  const { type, username: name, password, users_file: usersFile, token } = auth
  const onRefused = auth.on_refused === 401 ? 401 : 503
  switch (type) {
    case 'none':
      return { type }
    case 'basic':
      return {
        type,
        ...(name === undefined || password === undefined ? {} : { user: { name, password } }),
        ...(usersFile === undefined ? {} : { usersFile }),
        onRefused,
      }
    case 'bearer':
      return { type, ...(token === undefined ? {} : { token }), tokenFiles: auth.token_files, onRefused }
  }
}

function toTls(tls: ServerSection['tls']): ServerTls | undefined {
  const { cert_file: certFile, key_file: keyFile, client_ca_file: clientCaFile } = tls
  if (certFile === undefined || keyFile === undefined) return undefined
  return { certFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) }
}
