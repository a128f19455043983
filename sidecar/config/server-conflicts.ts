import type { Check, Path } from './check.ts'
import { type ListenAddress, parseListenAddress } from './listen-address.ts'
import type { ServerSection } from './server-section.ts'

type Auth = ServerSection['auth']
type AuthKey = 'username' | 'password' | 'users_file' | 'token' | 'token_files'

/** Which keys of `server.auth` each type may have; any other would be ignored, so it is refused. */
const keysOf: Readonly<Record<Auth['type'], readonly AuthKey[]>> = {
  none: [],
  basic: ['username', 'password', 'users_file'],
  bearer: ['token', 'token_files'],
}
const authKeys = [...keysOf.basic, ...keysOf.bearer]

/** Finds values of `server` that are fine alone and impossible together. */
export function checkServer(server: ServerSection, check: Check): void {
  checkBodyLimits(server, check)
  checkListeners(server, check)
  checkUsedKeys(server, check)
  checkCredentials(server, check)
  checkTls(server, check)
}

function checkBodyLimits(server: ServerSection, { when, report }: Check): void {
  const path = ['server', 'max_body_mb']
  when([path, ['server', 'max_in_flight_mb']], () => {
    if (server.max_body_mb <= server.max_in_flight_mb) return
    report(path, 'is over server.max_in_flight_mb, so that the largest body could never be received')
  })
}

function checkListeners(server: ServerSection, { when, report }: Check): void {
  const path = ['server', 'admin_listen']
  when([path, ['server', 'listen']], () => {
    const listen = parseListenAddress(server.listen)
    const admin = parseListenAddress(server.admin_listen)
    if (listen === undefined || admin === undefined || !areOne(listen, admin)) return
    report(path, 'is also server.listen; give it another port, or "off"')
  })
}

function areOne(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false
  const isEverywhere = ({ host }: ListenAddress) => host === '0.0.0.0' || host === '::'
  return a.host === b.host || isEverywhere(a) || isEverywhere(b)
}

function checkUsedKeys({ auth }: ServerSection, { when, report }: Check): void {
  for (const key of authKeys) {
    const path = authPath(key)
    when([path, authPath('type')], () => {
      if (!isSet(auth, key) || keysOf[auth.type].includes(key)) return
      report(path, `is not used when server.auth.type is "${auth.type}"; remove it or choose another type`)
    })
  }
}

function checkCredentials({ auth }: ServerSection, { when, report }: Check): void {
  when([authPath('type'), ...authKeys.map(authPath)], () => {
    const has = (key: AuthKey) => isSet(auth, key)
    if (auth.type === 'basic') {
      if (has('username') && !has('password'))
        report(authPath('password'), 'is needed with server.auth.username')
      if (has('password') && !has('username'))
        report(authPath('username'), 'is needed with server.auth.password')
    }
    if (auth.type === 'none' || keysOf[auth.type].some(has)) return
    const wanted = auth.type === 'basic' ? 'username and password, or users_file' : 'token or token_files'
    report(authPath('type'), `is "${auth.type}", which needs ${wanted}, found neither`)
  })
}

function checkTls({ tls }: ServerSection, { when, report }: Check): void {
  const path = (key: string) => ['server', 'tls', key]
  when(['cert_file', 'key_file', 'client_ca_file'].map(path), () => {
    const isOn = tls.cert_file !== undefined || tls.key_file !== undefined || tls.client_ca_file !== undefined
    for (const key of ['cert_file', 'key_file'] as const) {
      if (isOn && tls[key] === undefined) {
        report(path(key), 'is needed for TLS: set cert_file and key_file, or nothing below server.tls')
      }
    }
  })
}

function authPath(key: AuthKey | 'type'): Path {
  return ['server', 'auth', key]
}

function isSet(auth: Auth, key: AuthKey): boolean {
  return key === 'token_files' ? auth.token_files.length > 0 : auth[key] !== undefined
}
