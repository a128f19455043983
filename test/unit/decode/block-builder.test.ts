import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BlockBuilder } from '../../../sidecar/decode/block-builder.ts'
import { textsOf } from '../../helpers/records.ts'

function build(
  text: string,
  places: readonly (readonly [number, number])[],
  { hasLineBreaks = false, mayOverwrite = false } = {},
) {
  const body = Buffer.from(text)
  const builder = new BlockBuilder(body)
  for (const [start, end] of places) builder.add(start, end, hasLineBreaks)
  const block = builder.build(mayOverwrite)
  return { texts: textsOf(block), isView: isViewOf(block.bytes, body) }
}

/** Small buffers share memory, so it must lie inside as well. */
function isViewOf(bytes: Buffer, body: Buffer): boolean {
  const start = bytes.byteOffset - body.byteOffset
  return bytes.buffer === body.buffer && start >= 0 && start < body.length
}

describe('BlockBuilder', () => {
  it('gives a view when the records lie in the body as lines', () => {
    const { texts, isView } = build('\naa\nb\n\n', [
      [1, 3],
      [4, 5],
    ])
    assert.deepEqual(texts, ['aa', 'b'])
    assert.equal(isView, true)
  })

  it('copies when the last newline, a separator or the distance is another', () => {
    for (const text of ['aa\nb', 'aa,b\n', 'aa\nb,']) {
      const { texts, isView } = build(text, [
        [0, 2],
        [3, 4],
      ])
      assert.deepEqual(texts, ['aa', 'b'])
      assert.equal(isView, false)
    }
    assert.deepEqual(
      build('aab\n', [
        [0, 2],
        [2, 3],
      ]).texts,
      ['aa', 'b'],
    )
    assert.deepEqual(
      build('aa\r\nb\n', [
        [0, 2],
        [4, 5],
      ]).texts,
      ['aa', 'b'],
    )
  })

  it('writes over the body where it may and there is room, and copies where there is none', () => {
    const places = {
      '[aa,b]': [
        [1, 3],
        [4, 5],
      ],
      ' aa , b ': [
        [1, 3],
        [6, 7],
      ],
      'aa\r\nb\n': [
        [0, 2],
        [4, 5],
      ],
    } as const
    for (const [text, records] of Object.entries(places)) {
      const { texts, isView } = build(text, records, { mayOverwrite: true })
      assert.deepEqual(texts, ['aa', 'b'])
      assert.equal(isView, true)
    }
    for (const [text, records] of [
      [
        'aab ',
        [
          [0, 2],
          [2, 3],
        ],
      ],
      [
        'aa,b',
        [
          [0, 2],
          [3, 4],
        ],
      ],
    ] as const) {
      const { texts, isView } = build(text, records, { mayOverwrite: true })
      assert.deepEqual(texts, ['aa', 'b'])
      assert.equal(isView, false)
    }
  })

  it('replaces line breaks inside records only', () => {
    const { texts, isView } = build(
      'a\nb\nc\r\nd\n',
      [
        [0, 3],
        [4, 8],
      ],
      { hasLineBreaks: true },
    )
    assert.deepEqual(texts, ['a b', 'c  d'])
    assert.equal(isView, false)
  })

  it('holds any number of records, and none', () => {
    const places = Array.from({ length: 1_000 }, (_, index) => [2 * index, 2 * index + 1] as const)
    assert.equal(build('x,'.repeat(1_000), places).texts.join(''), 'x'.repeat(1_000))
    assert.deepEqual(build('x', []).texts, [])
  })
})
