import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ingestionUrlOf, isLoopback, parseKustoUrl } from '../../../sidecar/config/kusto-url.ts'
import { parseListenAddress } from '../../../sidecar/config/listen-address.ts'

function parsed(text: string): URL {
  const url = parseKustoUrl(text)
  assert(url !== undefined, text)
  return url
}

describe('parseKustoUrl', () => {
  for (const text of [
    '',
    'c.kusto.windows.net',
    'ftp://c.kusto.windows.net',
    'https://u:p@c.kusto.windows.net',
    'https://c.kusto.windows.net/db',
    'https://c.kusto.windows.net?x=1',
    'https://c.kusto.windows.net#x',
    'https://c.kusto.windows.net;Fed=true',
    `https://${'c'.repeat(3_000)}.net`,
  ]) {
    it(`refuses ${text.slice(0, 60) || 'empty text'}`, () => {
      assert.equal(parseKustoUrl(text), undefined)
    })
  }

  it('accepts a host with or without a port and a slash', () => {
    assert.equal(parsed('https://C.kusto.windows.net/').origin, 'https://c.kusto.windows.net')
    assert.equal(parsed('http://[::1]:8080').origin, 'http://[::1]:8080')
  })
})

describe('ingestionUrlOf', () => {
  for (const [cluster, expected] of [
    ['https://c.westeurope.kusto.windows.net', 'https://ingest-c.westeurope.kusto.windows.net'],
    ['https://c.z1.kusto.fabric.microsoft.com:8443', 'https://ingest-c.z1.kusto.fabric.microsoft.com:8443'],
    ['https://ingest-c.kusto.windows.net', 'https://ingest-c.kusto.windows.net'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://kusto.localhost:8080', 'http://kusto.localhost:8080'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://10.0.0.7:8080', 'http://10.0.0.7:8080'],
    ['http://[fd00::1]:8080', 'http://[fd00::1]:8080'],
    ['http://kustainer:8080', 'http://ingest-kustainer:8080'],
  ] as const) {
    it(`gives ${expected} for ${cluster}`, () => {
      assert.equal(ingestionUrlOf(parsed(cluster)).origin, expected)
    })
  }
})

describe('isLoopback', () => {
  it('is true for hosts of this machine alone', () => {
    for (const text of ['http://localhost', 'http://a.localhost', 'http://127.9.9.9', 'http://[::1]']) {
      assert.equal(isLoopback(parsed(text)), true, text)
    }
    for (const text of [
      'http://127.example',
      'http://localhost.example',
      'http://10.0.0.1',
      'http://128.0.0.1',
      'http://[::2]',
    ]) {
      assert.equal(isLoopback(parsed(text)), false, text)
    }
  })
})

describe('parseListenAddress', () => {
  for (const [text, expected] of [
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    ['[::]:0', { host: '::', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['8080', undefined],
    [':8080', undefined],
    ['localhost:65536', undefined],
    ['localhost', undefined],
    ['::1:80', undefined],
    ['[nope]:80', undefined],
    ['http://localhost:80', undefined],
  ] as const) {
    it(`reads ${text}`, () => {
      assert.deepEqual(parseListenAddress(text), expected)
    })
  }
})
