import type { IncomingMessage } from 'node:http'
import { SidecarError } from '../core/errors.ts'
import type { ServerAuth } from '../core/server-auth.ts'
import type { Metrics } from '../observability/metrics.ts'
import { KnownCredentials, presentedBy, tokensOf, usersOf } from './credentials.ts'
import { FileWatch, type FileWatchTools } from './file-watch.ts'
import { Seldom } from '../observability/seldom.ts'

export type AccessOptions = FileWatchTools & {
  readonly auth: ServerAuth
  readonly metrics: Metrics
}

type Credential = Exclude<ServerAuth, { type: 'none' }>

/** How long a refused credential makes the sidecar not ready. */
const refusedTroubleMs = 60_000

const maxFileBytes = 65_536

const realm = 'realm="kusto-sidecar"'

/**
 * Decides who may post. A refusal is loud in log, metric and readiness, because nothing else tells the operator: on a 401 shippers
 * drop what they sent, on a 503 they wait for ever.
 */
export class Access {
  readonly #options: AccessOptions
  readonly #known = new KnownCredentials()
  readonly #watches: FileWatch[] = []
  readonly #loudly: Seldom
  #refusedAtMs: number | undefined

  private constructor(options: AccessOptions) {
    this.#options = options
    this.#loudly = new Seldom(options.clock)
  }

  /** Rejects with PROCESS_START_FAILED when a file with credentials cannot be used. */
  static async start(options: AccessOptions): Promise<Access> {
    const access = new Access(options)
    try {
      if (options.auth.type !== 'none') await access.#load(options.auth)
    } catch (error) {
      access.stop()
      throw error
    }
    return access
  }

  /** The value of `WWW-Authenticate` that goes with a 401. */
  get challenge(): string {
    return this.#options.auth.type === 'basic' ? `Basic ${realm}, charset="UTF-8"` : `Bearer ${realm}`
  }

  /** Throws HTTP_UNAUTHORIZED or HTTP_UNAUTHORIZED_HELD for a request without a good credential. */
  check(request: IncomingMessage): void {
    const { auth } = this.#options
    if (auth.type === 'none') return
    const { authorization } = request.headers
    const presented = authorization === undefined ? undefined : presentedBy(authorization, auth.type)
    if (presented !== undefined && this.#known.has(presented)) return
    throw this.#refuse(request, auth, whyRefused(authorization, presented, auth.type))
  }

  /** Each a sentence; empty when no credential was refused lately. */
  reasonsNotReady(): string[] {
    const sinceMs = this.#options.clock.monotonic() - (this.#refusedAtMs ?? -Infinity)
    if (sinceMs > refusedTroubleMs) return []
    return [
      'Requests were refused for their credential in the last minute: compare server.auth with what the shippers send.',
    ]
  }

  stop(): void {
    for (const watch of this.#watches) watch.stop()
  }

  async #load(auth: Credential): Promise<void> {
    if (auth.type === 'basic') {
      if (auth.user !== undefined) {
        this.#known.set('inline', [Buffer.from(`${auth.user.name}:${auth.user.password}`)])
      }
      if (auth.usersFile !== undefined) await this.#watch('server.auth.users_file', auth.usersFile, usersOf)
      return
    }
    if (auth.token !== undefined) this.#known.set('inline', [Buffer.from(auth.token)])
    for (const [index, path] of auth.tokenFiles.entries()) {
      await this.#watch(`server.auth.token_files[${index}]`, path, tokensOf)
    }
  }

  async #watch(key: string, path: string, read: (content: Buffer) => Buffer[]): Promise<void> {
    const apply = (contents: readonly Buffer[]) => this.#known.set(key, contents.flatMap(read))
    const { fileSystem, clock, log, metrics } = this.#options
    const files = [{ key, path }]
    const maxBytes = maxFileBytes
    this.#watches.push(await FileWatch.start({ files, maxBytes, apply, fileSystem, clock, log, metrics }))
  }

  #refuse(request: IncomingMessage, { onRefused }: Credential, why: string): SidecarError {
    const { clock, log, metrics } = this.#options
    metrics.httpUnauthorized.inc()
    this.#refusedAtMs = clock.monotonic()
    this.#loudly.note((count) => {
      const { remoteAddress } = request.socket
      log.warn(
        { event: 'http.unauthorized', status: onRefused, count, remoteAddress },
        `${why} ${onRefused === 401 ? 'Shippers drop what is refused with 401.' : 'Shippers send again what is refused with 503.'}`,
      )
    })
    return onRefused === 401
      ? new SidecarError('HTTP_UNAUTHORIZED', `${why} Nothing was stored.`)
      : new SidecarError(
          'HTTP_UNAUTHORIZED_HELD',
          `${why} Nothing was stored; send it again when that is mended.`,
        )
  }
}

function whyRefused(
  header: string | undefined,
  presented: Buffer | undefined,
  type: Credential['type'],
): string {
  if (header === undefined) return `The request has no credential, and server.auth.type is ${type}.`
  if (presented === undefined) {
    return `The credential of the request is not of the scheme ${type}, which server.auth.type asks for.`
  }
  return 'The credential of the request is not one of server.auth.'
}
