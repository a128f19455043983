import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { kustoError } from '../../../sidecar/kusto/classify.ts'

const systemError = (code: string) => Object.assign(new Error(`connect ${code}`), { code })
const named = (name: string) => Object.assign(new Error('x'), { name })

describe('kustoError', () => {
  const cases: [string, unknown, string][] = [
    ['a refused connection', systemError('ECONNREFUSED'), 'KUSTO_UNAVAILABLE'],
    ['a cause', new Error('fetch failed', { cause: systemError('ENOTFOUND') }), 'KUSTO_UNAVAILABLE'],
    [
      'all addresses refused',
      new AggregateError([systemError('ECONNREFUSED')], 'all failed'),
      'KUSTO_UNAVAILABLE',
    ],
    ['a time-out of undici', systemError('UND_ERR_HEADERS_TIMEOUT'), 'KUSTO_TIMEOUT'],
    ['a deadline', named('TimeoutError'), 'KUSTO_TIMEOUT'],
    ['a token that cannot be had', named('CredentialUnavailableError'), 'KUSTO_UNAUTHORIZED'],
    ['the SDK throttled', named('ThrottlingError'), 'KUSTO_THROTTLED'],
    ['an axios error', { response: { status: 401 } }, 'KUSTO_UNAUTHORIZED'],
    ['an Azure SDK error', { statusCode: 503 }, 'KUSTO_UNAVAILABLE'],
    [
      'the metadata error of the SDK',
      new Error('Failed to get cloud info for cluster x - Error: connect ECONNREFUSED 127.0.0.1:9'),
      'KUSTO_UNAVAILABLE',
    ],
    ['anything else', new Error('Surprise'), 'KUSTO_UNCLASSIFIED'],
  ]
  for (const [what, error, code] of cases) {
    it(`takes ${what} for ${code}`, () => {
      assert.equal(kustoError(error, 'Trying').code, code)
    })
  }

  it('is total: whatever is thrown becomes an error of the catalogue that is tried again', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const error = kustoError(thrown, 'Trying')
        assert.ok(error instanceof SidecarError)
        assert.equal(error.disposition, 'retry')
      }),
    )
  })

  it("quotes Kusto's own words", () => {
    const error = { response: { status: 400, data: { error: { '@message': 'Syntax error: .get' } } } }
    assert.match(kustoError(error, 'Trying').message, /Trying failed: .*Syntax error/)
  })
})
