import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readRecords } from '../../../sidecar/local-kusto/ingestion/records.ts'

/** The content in pieces of so many bytes. */
async function* inPieces(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

async function read(format: 'json' | 'multijson', content: string | Buffer, size = 7): Promise<string[]> {
  const records = await Array.fromAsync(readRecords(format, inPieces(Buffer.from(content), size)))
  return records.map(({ text }) => text)
}

describe('readRecords', () => {
  it('gives the same records however the content is cut', async () => {
    const record = fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' }), { noNullPrototype: true })
    await fc.assert(
      fc.asyncProperty(fc.array(record), fc.integer({ min: 1, max: 50 }), async (records, size) => {
        const lines = records.map((each) => JSON.stringify(each))

        assert.deepEqual(await read('json', lines.join('\n'), size), lines)
        assert.deepEqual(await read('multijson', lines.join('\n'), size), lines)
        assert.deepEqual(await read('multijson', `[${lines.join(',')}]`, size), lines)
      }),
    )
  })

  it('counts every line of json, also those it leaves out', async () => {
    const content = Buffer.from('{"n":1}\nx\n\n{"n":2}')
    const records = await Array.fromAsync(readRecords('json', inPieces(content, 3)))

    assert.deepEqual(
      records.map(({ lineNumber }) => lineNumber),
      [0, 3],
    )
  })

  it('replaces bytes that are no UTF-8', async () => {
    const content = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')])

    assert.deepEqual(await read('json', content, 1), ['{"a":"\ufffd"}'])
  })

  for (const content of [
    '{"n":1}{"n":',
    '{"n":1} x',
    '[{"n":1},2]',
    '[{"n":1}',
    '"text"',
    '{"n":1},{"n":2}',
  ]) {
    it(`fails multijson whole for ${content}`, async () => {
      await assert.rejects(read('multijson', content), { errorCode: 'BadRequest_InvalidBlob' })
    })
  }
})
