import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseRequest, readWireRequest } from '../../helpers/wire.ts'

describe('readWireRequest', () => {
  it('gives method, path, headers in lower case and the raw body', () => {
    const request = readWireRequest('json-lines.gzip.basic-auth')
    assert.equal(request.method, 'POST')
    assert.equal(request.path, '/ingest/logs')
    assert.equal(request.headers.get('content-encoding'), 'gzip')
    assert.equal(request.headers.get('fluent-tag'), 'app.dpkg')
    assert.equal(request.body.length, 3761)
    assert.deepEqual([...request.body.subarray(0, 2)], [0x1f, 0x8b])
  })

  it('refuses a body of another length than announced', () => {
    const raw = Buffer.from('POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab')
    assert.throws(() => parseRequest(raw), { message: 'The body has 2 bytes, announced are 3.' })
  })
})
