import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Config } from '../../../sidecar/config/config.ts'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { mistakesIn, smallest } from './fixtures.ts'

function server(lines: string, env: Record<string, string> = {}): Config['server'] {
  return loadConfig(`${smallest}server: { ${lines} }\n`, 'sidecar.yaml', env).server
}

function mistake(lines: string): string {
  const [first = '', ...more] = mistakesIn(`${smallest}server: { ${lines} }\n`)
  assert.deepEqual(more, [])
  return first.replace(/^\S+ {2}/, '')
}

describe('the server section', () => {
  it('reads every kind of credential', () => {
    assert.deepEqual(
      server('auth: { type: basic, username: alice, password: "${P}", users_file: /u }', { P: '0123' }).auth,
      {
        type: 'basic',
        user: { name: 'alice', password: '0123' },
        usersFile: '/u',
        onRefused: 503,
      },
    )
    assert.deepEqual(server('auth: { type: basic, users_file: /u, on_refused: 401 }').auth, {
      type: 'basic',
      usersFile: '/u',
      onRefused: 401,
    })
    assert.deepEqual(server('auth: { type: bearer, token_files: [/a, /b], on_refused: 503 }').auth, {
      type: 'bearer',
      tokenFiles: ['/a', '/b'],
      onRefused: 503,
    })
    assert.deepEqual(server('auth: { type: bearer, token: t }').auth, {
      type: 'bearer',
      token: 't',
      tokenFiles: [],
      onRefused: 503,
    })
  })

  it('reads the files of TLS', () => {
    assert.deepEqual(server('tls: { cert_file: c, key_file: k }').tls, { certFile: 'c', keyFile: 'k' })
    assert.deepEqual(server('tls: { cert_file: c, key_file: k, client_ca_file: a }').tls, {
      certFile: 'c',
      keyFile: 'k',
      clientCaFile: 'a',
    })
  })

  it('reads the address of the admin listener, or that there is none', () => {
    assert.deepEqual(server('admin_listen: "[::1]:0"').adminListen, { host: '::1', port: 0 })
    assert.equal(server('admin_listen: off').adminListen, undefined)
    assert.equal(server('listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0"').adminListen?.port, 0)
    assert.match(
      mistake('admin_listen: "8081"'),
      /^server\.admin_listen: expected "off", or an address and a port/,
    )
    assert.match(mistake('listen: off'), /^server\.listen: expected an address and a port/)
  })

  it('reads the limit of requests and whether equal ones are joined', () => {
    const { maxInFlightRequests, joinIdenticalRequests } = server(
      'max_in_flight_requests: 7, join_identical_requests: false',
    )
    assert.deepEqual([maxInFlightRequests, joinIdenticalRequests], [7, false])
    assert.match(
      mistake('max_in_flight_requests: 0'),
      /^server\.max_in_flight_requests: expected a whole number from 1/,
    )
  })

  it('refuses any other status for a refused credential', () => {
    for (const status of ['403', '500', '401.5', '"503"', 'true'])
      assert.match(
        mistake(`auth: { type: bearer, token: t, on_refused: ${status} }`),
        /^server\.auth\.on_refused: expected 503 or 401, found /,
      )
  })

  it('refuses credentials that no header can carry, and repeats none', () => {
    for (const key of ['token', 'password'])
      for (const value of ['"PLANTED\\n"', `"${'P'.repeat(4_097)}"`, '[PLANTED]', '""']) {
        const text = mistake(`auth: { ${key}: ${value} }`)
        assert.match(text, new RegExp(`^server\\.auth\\.${key}: expected `))
        assert.doesNotMatch(text, /PLANTED|PPPP/)
      }
    assert.match(
      mistake('auth: { username: "a:b" }'),
      /^server\.auth\.username: expected a name .* without ":"/,
    )
  })
})
