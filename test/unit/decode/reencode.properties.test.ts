import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { decompress } from '../../../sidecar/decode/decompress.ts'
import { bodyForms } from '../../helpers/body-forms.ts'
import { decodeBody } from '../../helpers/decoding.ts'
import { objectTexts, trickyText } from '../../helpers/json-texts.ts'
import { recordsOf } from '../../helpers/records.ts'
import { encodeSnappy } from '../../helpers/snappy.ts'

type Encoding = { readonly name: string; readonly encode: (body: Buffer) => Buffer }

/** Cuts a body in two and encodes each part. */
const inTwo = (encode: (body: Buffer) => Buffer) => (body: Buffer) => {
  const middle = Math.floor(body.length / 2)
  return Buffer.concat([encode(body.subarray(0, middle)), encode(body.subarray(middle))])
}

const encodings: readonly Encoding[] = [
  { name: 'identity', encode: (body) => body },
  { name: 'gzip', encode: gzipSync },
  { name: 'X-GZIP', encode: inTwo(gzipSync) },
  { name: 'deflate', encode: deflateSync },
  { name: 'Deflate', encode: deflateRawSync },
  { name: 'zstd', encode: zstdCompressSync },
  { name: 'ZSTD', encode: inTwo(zstdCompressSync) },
  { name: 'snappy', encode: encodeSnappy },
]

/** A record as a shipper may send it: with bytes in its strings that are not UTF-8. */
const record = fc
  .tuple(objectTexts(trickyText, ' ', '\t'), fc.uint8Array({ min: 0x80, max: 0xff, maxLength: 4 }))
  .map(([text, bytes]) => {
    const key = Buffer.concat([Buffer.from('{"'), bytes, Buffer.from(text === '{}' ? '":0' : '":0,')])
    return Buffer.concat([key, Buffer.from(text.slice(1).trimStart() === '}' ? '"z":1}' : text.slice(1))])
  })
  .filter((bytes) => isObject(bytes))

describe('decompress and decode, for any records,', () => {
  it('give back their bytes, in every form, with every encoding and any two of them', async () => {
    const encoding = fc.constantFrom(...encodings)
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(...bodyForms),
        fc.array(encoding, { maxLength: 3 }),
        async (records, form, steps) => {
          const body = steps.reduce((bytes, { encode }) => encode(bytes), form.render(records))
          const header = steps.length === 0 ? undefined : steps.map(({ name }) => name).join(', ')
          const { block, rejected } = decodeBody(await decompress(body, header, 1_000_000))
          assert.deepEqual(recordsOf(block), records)
          assert.deepEqual(rejected, [])
        },
      ),
      { numRuns: 1_500 },
    )
  })

  it('give back their bytes when bodies of several forms are joined', () => {
    const ofLines = bodyForms.filter(({ name }) => name !== 'lines with CR alone')
    const part = fc.tuple(fc.array(record, { minLength: 1, maxLength: 4 }), fc.constantFrom(...ofLines))
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const body = parts.map(([records, form]) => Buffer.concat([form.render(records), Buffer.from('\n')]))
        const { block, rejected } = decodeBody(Buffer.concat(body))
        assert.deepEqual(
          recordsOf(block),
          parts.flatMap(([records]) => records),
        )
        assert.deepEqual(rejected, [])
      }),
      { numRuns: 1_000 },
    )
  })

  it('give back all whole records of a body that is cut anywhere', () => {
    const lines = bodyForms.filter(({ name }) => name.startsWith('lines') && !name.includes('CR alone'))
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 2, maxLength: 5 }),
        fc.constantFrom(...lines),
        fc.nat(),
        (records, form, at) => {
          const whole = form.render(records.slice(0, -1))
          const body = form.render(records)
          const cut = body.subarray(0, whole.length + (at % (body.length - whole.length)))
          const kept = recordsOf(decodeBody(cut).block)
          assert.deepEqual(kept.slice(0, records.length - 1), records.slice(0, -1))
        },
      ),
      { numRuns: 1_000 },
    )
  })
})

describe('decompress, for any bytes,', () => {
  it('rejects with errors of the catalogue only, and never gives more than maxBytes', async () => {
    const names = fc.array(fc.constantFrom('gzip', 'deflate', 'zstd', 'snappy', 'identity', 'br', ''), {
      maxLength: 4,
    })
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    const damaged = fc
      .tuple(
        fc.constantFrom(...encodings),
        fc.string({ maxLength: 500 }),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
      )
      .map(([{ encode }, text, at, byte, isCut]) => {
        const body = Buffer.from(encode(Buffer.from(text.repeat(3))))
        if (isCut) return body.subarray(0, at % (body.length + 1))
        if (body.length > 0) body[at % body.length] = byte
        return body
      })
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(random, damaged),
        names,
        fc.integer({ min: 1, max: 300 }),
        async (body, list, maxBytes) => {
          try {
            assert.ok((await decompress(body, list.join(','), maxBytes)).length <= maxBytes)
          } catch (error) {
            assert.ok(error instanceof SidecarError, String(error))
            assert.match(error.code, /^HTTP_(BODY_TOO_LARGE|ENCODING_BROKEN|ENCODING_UNSUPPORTED)$/)
          }
        },
      ),
      { numRuns: 4_000 },
    )
  })
})

function isObject(bytes: Buffer): boolean {
  try {
    return typeof JSON.parse(bytes.toString('latin1')) === 'object'
  } catch {
    return false
  }
}
