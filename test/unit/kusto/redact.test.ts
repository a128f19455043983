import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { redact, withoutSas } from '../../../sidecar/kusto/redact.ts'

const secret = 'S3cr3tV4lue'

describe('redact', () => {
  const texts = [
    `connect to https://a.blob.core.windows.net/c/b.gz?sv=2021&sig=${secret} failed`,
    `https://a.table.core.windows.net/t;sig=${secret}`,
    `Authorization: Bearer ${secret}`,
    `Basic ${secret}==`,
    `the token eyJhbGciOiJ9.${secret}.${secret} is expired`,
    `client_secret=${secret}&grant_type=x`,
    `{"password": "${secret}"}`,
    `sig=${secret}`,
    `apikey: ${secret}`,
    `{"BlobPath":"https://a.blob.core.windows.net/c/b.json.gz?sv=2021&sig=${secret}","Id":"1"}`,
    `{"TableConnectionString":"https://a.table.core.windows.net/s?sv=2019&sig=${secret}","PartitionKey":"k"}`,
    `https://a.table.core.windows.net/s(PartitionKey='k',RowKey='k')?sv=2019&sig=${secret}`,
    `{"authorizationContext":"eyJhbGciOiJ9.${secret}.${secret}"}`,
  ]
  for (const text of texts) {
    it(`removes the secret of: ${text.replaceAll(secret, '***')}`, () => {
      assert.ok(!redact(text).includes(secret), redact(text))
    })
  }

  it('leaves ordinary messages alone and keeps them short', () => {
    assert.equal(redact('connect ECONNREFUSED 127.0.0.1:443'), 'connect ECONNREFUSED 127.0.0.1:443')
    assert.equal(redact('x'.repeat(5_000)).length, 400)
  })
})

describe('withoutSas', () => {
  it('cuts the query', () => {
    assert.equal(withoutSas('https://a/c/b?sig=x'), 'https://a/c/b')
    assert.equal(withoutSas('https://a/c/b'), 'https://a/c/b')
  })
})
