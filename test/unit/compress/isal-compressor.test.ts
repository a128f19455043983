import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IsalCompressor } from '../../../sidecar/compress/isal-compressor.ts'
import { deflatedBytesMax } from '../../../sidecar/compress/isal-job.ts'
import { zlibCompressor } from '../../../sidecar/compress/zlib-compressor.ts'
import { FakeIsal } from '../../fakes/fake-isal.ts'
import { assertOneMember } from '../../helpers/pieces.ts'

const small = Buffer.from('{"message":"small"}\n')
const large = (letter = 'a') => Buffer.alloc(100_000, `${letter} large one\n`)

function create() {
  const library = new FakeIsal()
  const fellBack: Buffer[] = []
  const compressor = new IsalCompressor(library, (bytes) => {
    fellBack.push(bytes)
    return zlibCompressor.compress(bytes)
  })
  return { library, fellBack, compressor }
}

describe('compressing by the library', () => {
  it('deflates small pieces at once and large ones in a thread', async () => {
    const { library, compressor, fellBack } = create()
    await assertOneMember([await compressor.compress(small)], small)
    assert.deepEqual([library.atOnceCount, library.inThread.length], [1, 0])

    const compressing = compressor.compress(large())
    assert.deepEqual([library.atOnceCount, library.inThread.length], [1, 1])
    library.inThread[0]?.letGo()
    await assertOneMember([await compressing], large())
    assert.deepEqual(fellBack, [])
  })

  it('gives each call in flight memory of its own, and uses it again after', async () => {
    const { library, compressor } = create()
    const letters = ['a', 'b', 'c', 'd', 'e', 'f']
    const compressing = letters.map((letter) => compressor.compress(large(letter)))
    const streams = new Set(library.inThread.map(({ stream }) => stream))
    assert.equal(streams.size, letters.length)
    for (const { letGo } of library.inThread.splice(0).toReversed()) letGo()
    for (const [index, letter] of letters.entries())
      await assertOneMember([(await compressing[index]) as Buffer], large(letter))

    void compressor.compress(large())
    assert(streams.has(library.inThread[0]?.stream as Uint8Array))
  })

  it('does not use the memory of a call in a thread for a small piece', async () => {
    const { library, compressor } = create()
    const compressing = compressor.compress(large())
    await assertOneMember([await compressor.compress(small)], small)
    library.inThread[0]?.letGo()
    await assertOneMember([await compressing], large())
  })

  it('takes pieces that are larger than usual', async () => {
    const { library, compressor } = create()
    const bytes = Buffer.alloc(3_000_000, 'a record of three megabytes ')
    const compressing = compressor.compress(bytes)
    library.inThread[0]?.letGo()
    await assertOneMember([await compressing], bytes)
  })

  for (const [name, plant] of [
    ['has no room for', (library: FakeIsal) => (library.failingCode = -1)],
    ['refuses', (library: FakeIsal) => (library.failingCode = -8)],
    ['leaves a byte of', (library: FakeIsal) => (library.leavesByte = true)],
  ] as const) {
    it(`leaves to the other engine what the library ${name}`, async () => {
      const { library, compressor, fellBack } = create()
      plant(library)
      await assertOneMember([await compressor.compress(small)], small)
      assert.deepEqual(fellBack, [small])
    })
  }

  it('refuses what the library cannot count, before it is called', async () => {
    const { library, compressor } = create()
    const tooLarge = Object.defineProperty(Buffer.alloc(1), 'length', { value: 2 ** 32 - 1 })
    await assert.rejects(compressor.compress(tooLarge), { name: 'AssertionError' })
    assert.deepEqual([library.atOnceCount, library.inThread.length], [0, 0])
  })
})

describe('deflatedBytesMax', () => {
  it('has 5 bytes for each stored block, and one block of nothing', () => {
    assert.deepEqual([0, 1, 65_535, 65_536].map(deflatedBytesMax), [5, 6, 65_540, 65_546])
  })
})
