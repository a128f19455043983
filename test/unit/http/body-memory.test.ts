import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BodyMemoryPool } from '../../../sidecar/http/body-memory.ts'

describe('BodyMemoryPool', () => {
  it('uses memory again when its last holder gave it back, and not before', () => {
    const pool = new BodyMemoryPool()
    const first = pool.take(100_000)
    first.hold()
    first.release()
    const second = pool.take(100_000)
    assert.notEqual(second.bytes.buffer, first.bytes.buffer)
    first.release()
    assert.equal(pool.take(100_000).bytes.buffer, first.bytes.buffer)
    assert.notEqual(pool.take(100_000).bytes.buffer, second.bytes.buffer)
  })

  it('gives exactly as many bytes as were asked for, from memory that is a fourth larger at most', () => {
    const pool = new BodyMemoryPool()
    for (const bytesCount of [1, 65_536, 65_537, 1_000_000, 31_999_999]) {
      const { bytes } = pool.take(bytesCount)
      assert.equal(bytes.length, bytesCount)
      assert.ok(bytes.buffer.byteLength <= Math.max(65_536, bytesCount * 1.26 + 4096))
    }
  })

  it('refuses to be given back twice, or held after that', () => {
    const memory = new BodyMemoryPool().take(100)
    memory.release()
    assert.throws(() => memory.release())
    assert.throws(() => memory.hold())
  })

  it('keeps a bounded amount, and makes room for the sizes that come now', () => {
    const freed: number[] = []
    const pool = new BodyMemoryPool({ onFree: (bytes) => freed.push(bytes.length) })
    const large = Array.from({ length: 40 }, () => pool.take(2_000_000))
    for (const memory of large) memory.release()
    assert.equal(freed.length, 40)
    const buffers = new Set(large.map(({ bytes }) => bytes.buffer))
    const again = Array.from({ length: 40 }, () => pool.take(2_000_000))
    const keptBytes = again
      .filter(({ bytes }) => buffers.has(bytes.buffer))
      .reduce((sum, { bytes }) => sum + bytes.buffer.byteLength, 0)
    assert.ok(keptBytes > 10_000_000 && keptBytes <= 24_000_000, `${keptBytes} bytes were kept`)
    for (const memory of again) memory.release()
    const small = pool.take(500_000)
    const { buffer } = small.bytes
    small.release()
    assert.equal(pool.take(500_000).bytes.buffer, buffer)
  })

  it('has young garbage collected in proportion to what is read', () => {
    let collections = 0
    const pool = new BodyMemoryPool({ collectYoung: () => (collections += 1) })
    for (let n = 0; n < 100; n += 1) pool.take(1_000_000).release()
    assert.equal(collections, 25)
  })
})
