import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { decompress } from '../../../sidecar/decode/decompress.ts'
import { zlibErrorOf } from '../../../sidecar/decode/encoding-errors.ts'
import { encodeSnappy } from '../../helpers/snappy.ts'
import { readWireRequest } from '../../helpers/wire.ts'

const text = Buffer.from('{"a":1}\n'.repeat(100))
const gzip = gzipSync(text)
const encoders: Record<string, (plain: Buffer) => Buffer> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  zstd: zstdCompressSync,
  snappy: encodeSnappy,
}
const withByte = (body: Buffer, offset: number, byte: number) =>
  Buffer.from(body.map((old, index) => (index === offset ? byte : old)))

describe('decompress', () => {
  it('gives a body without encoding as it is', async () => {
    for (const encoding of [undefined, '', ' ', 'identity', ' Identity ', ',', 'identity,,identity']) {
      assert.equal(await decompress(text, encoding, 1_000), text)
    }
  })

  for (const [name, encode] of Object.entries(encoders)) {
    it(`undoes ${name}, in any case and with identity or nothing beside it`, async () => {
      for (const encoding of [name, ` ${name.toUpperCase()} `, `${name}, identity`, `,identity,,${name},`]) {
        assert.ok((await decompress(encode(text), encoding, text.length)).equals(text), encoding)
      }
    })

    it(`allows exactly maxBytes in ${name}`, async () => {
      const tooLarge = {
        code: 'HTTP_BODY_TOO_LARGE',
        httpStatus: 413,
        message: /over server\.max_body_mb \(799 bytes\)/,
      }
      await assert.rejects(decompress(encode(text), name, text.length - 1), tooLarge)
    })

    it(`says that a cut body of ${name} is broken, wherever the cut is`, async () => {
      const body = encode(text)
      for (let length = 0; length < body.length; length += 1) {
        await assert.rejects(decompress(body.subarray(0, length), name, 1_000_000), {
          code: 'HTTP_ENCODING_BROKEN',
          httpStatus: 400,
        })
      }
    })

    it(`does not drop what follows the end of ${name}`, async () => {
      for (const rest of ['x', '\n', '\0x', '\0\0{"b":2}\n']) {
        const body = Buffer.concat([encode(text), Buffer.from(rest)])
        await assert.rejects(decompress(body, name, 1_000_000), { code: 'HTTP_ENCODING_BROKEN' }, rest)
      }
    })

    it(`stops early in a bomb of ${name}`, async () => {
      // 100 MB: memory would show if they were all produced.
      const bomb = encode(Buffer.alloc(100_000_000))
      const before = process.memoryUsage()
      await assert.rejects(decompress(bomb, name, 1_000_000), { code: 'HTTP_BODY_TOO_LARGE' })
      assert.ok(process.memoryUsage().arrayBuffers - before.arrayBuffers < 50_000_000)
    })

    it(`takes JSON for JSON although it is said to be ${name}`, async () => {
      const bodies = [
        '{"a":1}',
        ' [\n{"a":1}]',
        '\uFEFF{"a":1}\n{"b":2}',
        '{}',
        '[]',
        `[${'{"a":1},'.repeat(9_999)}{}]`,
      ]
      for (const json of bodies) {
        const body = Buffer.from(json)
        assert.equal(await decompress(body, name, 1_000_000), body, json.slice(0, 20))
      }
    })

    it(`does not take other text for anything else when it is said to be ${name}`, async () => {
      for (const other of ['hello world, hello world', '{hello', '[INFO] up', '[1,2]', '{'])
        await assert.rejects(decompress(Buffer.from(other), name, 1_000_000), {
          code: 'HTTP_ENCODING_BROKEN',
        })
    })
  }

  it('undoes what Fluent Bit sends', async () => {
    const lines = { 'json-lines.gzip.basic-auth': 401, 'json-stream.zstd': 1, 'default-format.snappy': 1 }
    for (const [name, count] of Object.entries(lines)) {
      const { headers, body } = readWireRequest(name)
      const plain = await decompress(body, headers.get('content-encoding'), 1_000_000)
      assert.equal(plain.toString().split('\n').length, count)
      assert.equal(plain.toString().match(/"date":/g)?.length, 400)
    }
  })

  it('undoes a list from its end, of up to three', async () => {
    const twice = gzipSync(deflateSync(text))
    assert.ok((await decompress(twice, 'deflate, gzip', 1_000)).equals(text))
    assert.ok((await decompress(zstdCompressSync(twice), 'deflate,gzip,identity,ZSTD', 1_000)).equals(text))
    await assert.rejects(decompress(twice, 'gzip, deflate', 1_000), { code: 'HTTP_ENCODING_BROKEN' })
    await assert.rejects(decompress(twice, 'gzip,gzip,gzip,gzip', 1_000), {
      code: 'HTTP_ENCODING_UNSUPPORTED',
    })
  })

  it('takes a list for a shorter one when a proxy has undone a part', async () => {
    assert.ok((await decompress(text, 'deflate, gzip', 1_000)).equals(text))
  })

  it('undoes a body whose header was lost on the way, once', async () => {
    for (const encode of [gzipSync, zstdCompressSync]) {
      assert.ok((await decompress(encode(text), undefined, 1_000)).equals(text))
      assert.ok((await decompress(deflateSync(encode(text)), 'deflate', 1_000)).equals(text))
      assert.ok((await decompress(encode(gzip), undefined, 1_000)).equals(gzip))
      await assert.rejects(decompress(encode(text), undefined, 799), { code: 'HTTP_BODY_TOO_LARGE' })
      await assert.rejects(decompress(encode(text).subarray(0, -1), undefined, 1_000), {
        code: 'HTTP_ENCODING_BROKEN',
      })
    }
  })

  it('undoes gzip and zstd for what they are when they are said to be something else', async () => {
    for (const [said, body] of [
      ['zstd', gzip],
      ['deflate', gzip],
      ['snappy', gzip],
      ['gzip', zstdCompressSync(text)],
      ['deflate', zstdCompressSync(text)],
      ['snappy', zstdCompressSync(text)],
      ['gzip, zstd', zstdCompressSync(zstdCompressSync(text))],
    ] as const) {
      assert.deepEqual(await decompress(body, said, 1_000), text, said)
    }
    const cut = gzip.subarray(0, -9)
    for (const said of ['gzip', 'zstd']) {
      await assert.rejects(decompress(cut, said, 1_000), {
        code: 'HTTP_ENCODING_BROKEN',
        message: /not valid gzip/,
      })
    }
  })

  it('bounds every step of a list', async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(100_000_000)))
    await assert.rejects(decompress(bomb, 'gzip, gzip', 1_000), { code: 'HTTP_BODY_TOO_LARGE' })
  })

  it('names what it supports when asked for another encoding', async () => {
    for (const encoding of ['br', 'gzip, br', 'tostring', 'gzip deflate']) {
      await assert.rejects(decompress(gzip, encoding, 1_000), {
        code: 'HTTP_ENCODING_UNSUPPORTED',
        httpStatus: 415,
        message: `The Content-Encoding "${encoding}" is not supported; supported are identity, gzip, x-gzip, deflate, zstd, snappy, and up to 3 of them in a list.`,
      })
    }
  })

  it('does not repeat an encoding that is no name', async () => {
    const error = await decompress(gzip, 'Bearer secret\u0001', 1_000).catch(
      (reason: unknown) => reason as Error,
    )
    assert.ok(error instanceof Error)
    assert.doesNotMatch(error.message, /secret/)
  })

  it('lets the sender come again when there is no memory', () => {
    for (const code of ['Z_MEM_ERROR', 'ZSTD_error_memory_allocation']) {
      const error = zlibErrorOf('gzip', 1_000, Object.assign(new Error('no memory'), { code }))
      assert.equal(error.code, 'HTTP_OVERLOADED')
      assert.equal(error.disposition, 'retry')
    }
  })
})

describe('decompress of gzip', () => {
  it('joins several members', async () => {
    assert.ok(
      (await decompress(Buffer.concat([gzip, gzip]), 'gzip', 2_000)).equals(Buffer.concat([text, text])),
    )
  })

  it('ignores zero bytes as padding, but not a member behind them', async () => {
    assert.ok((await decompress(Buffer.concat([gzip, Buffer.alloc(500)]), 'gzip', 1_000)).equals(text))
    const hidden = Buffer.concat([gzip, Buffer.alloc(500), gzip])
    await assert.rejects(decompress(hidden, 'gzip', 2_000), {
      code: 'HTTP_ENCODING_BROKEN',
      message: `The body is not valid gzip: something follows its end at byte ${gzip.length}.`,
    })
  })

  it('notices a wrong checksum', async () => {
    const changed = withByte(gzip, gzip.length - 6, (gzip[gzip.length - 6] ?? 0) ^ 1)
    await assert.rejects(decompress(changed, 'gzip', 1_000), { code: 'HTTP_ENCODING_BROKEN' })
  })
})

describe('decompress of deflate', () => {
  it('takes it with and without the zlib wrapper, at every level', async () => {
    for (let level = 0; level <= 9; level += 1) {
      assert.ok((await decompress(deflateSync(text, { level }), 'deflate', 1_000)).equals(text))
      assert.ok((await decompress(deflateRawSync(text, { level }), 'deflate', 1_000)).equals(text))
    }
  })

  it('takes raw deflate that looks like a zlib header', async () => {
    // A stored block whose five bits of padding are 01111, and a length of 0x0101 with its complement.
    const plain = Buffer.alloc(0x0101, 'x')
    const raw = Buffer.concat([Buffer.from([0x78, 0x01, 0x01, 0xfe, 0xfe]), plain, Buffer.from([0x03, 0x00])])
    assert.ok((await decompress(raw, 'deflate', 1_000)).equals(plain))
  })

  it('takes raw deflate that begins with a brace', async () => {
    // 0x7b and 0x5b begin a last block with fixed codes whose first byte is from 0xe0 to 0xef, or from 0xa0 to 0xaf.
    for (const plain of [
      Buffer.from('\uFEFF{"a":1}'),
      Buffer.from('\u65e5\u672c'),
      Buffer.from([0xa5, 0x31]),
    ]) {
      const raw = deflateRawSync(plain)
      assert.match(raw.toString('latin1', 0, 1), /[{[]/)
      assert.ok((await decompress(raw, 'deflate', 1_000)).equals(plain))
    }
  })

  it('notices a wrong checksum, and reports the error of zlib', async () => {
    const body = deflateSync(text)
    const changed = withByte(body, body.length - 1, (body[body.length - 1] ?? 0) ^ 1)
    await assert.rejects(decompress(changed, 'deflate', 1_000), { message: /incorrect data check/ })
  })
})
