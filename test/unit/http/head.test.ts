import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { headOf, isAdminPath, pathOf } from '../../../sidecar/http/head.ts'

const request = (url: string, headers: IncomingMessage['headers'] = {}) =>
  ({ url, headers }) as IncomingMessage

describe('the head of a request', () => {
  it('has the path without query, also from a whole address', () => {
    for (const [url, path] of [
      ['/', '/'],
      ['/a/b?c=/d?e', '/a/b'],
      ['http://host:80/a', '/a'],
      ['HTTPS://host/a?b', '/a'],
      ['http://host', '/'],
      ['http://host?a', '/'],
      ['*', '*'],
      ['//host/a', '//host/a'],
    ] as const) {
      assert.equal(pathOf(request(url)), path, url)
    }
  })

  it('has the tag as the shipper meant it: headers hold the bytes of UTF-8', () => {
    const tagOf = (tag: string) => headOf(request('/a', { 'x-tag': tag }), 'X-Tag').tag
    assert.equal(tagOf(Buffer.from('kube.höher.日').toString('latin1')), 'kube.höher.日')
    assert.equal(tagOf('caf\u00e9'), 'caf\u00e9', 'no UTF-8: as it came')
  })

  it('has the headers that say something about the records, and only those that came', () => {
    assert.deepEqual(headOf(request('/a'), 'X-Tag'), { path: '/a' })
    const headers = { 'x-tag': 't', 'content-type': 'c', 'content-encoding': 'e' }
    assert.deepEqual(headOf(request('/a', headers), 'X-Tag'), {
      path: '/a',
      tag: 't',
      contentType: 'c',
      contentEncoding: 'e',
    })
  })

  it('is of the admin listener below /-/ only', () => {
    assert.deepEqual(['/-', '/-/', '/-/flush', '/-x', '/a/-/b', '/'].map(isAdminPath), [
      true,
      true,
      true,
      false,
      false,
      false,
    ])
  })
})
