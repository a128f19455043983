import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isSelected } from '../../../sidecar/dead-letter/letter-filter.ts'
import { letterFiles, linesOfFile, type FileLine } from '../../../sidecar/dead-letter/letter-files.ts'
import { newReading, readLetterAt, readLetters } from '../../../sidecar/dead-letter/read-letters.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aLetter, directory, linesIn, start } from './letters.ts'

const good = (record: string) =>
  `${JSON.stringify({ time: 't', code: 'C', reason: 'r', destination: 'd', record })}\n`

async function read(disk: MemoryFileSystem) {
  const reading = newReading()
  const records: (string | undefined)[] = []
  for await (const { line } of readLetters(disk, directory, {}, reading)) records.push(line.record)
  return { records, reading }
}

describe('readLetters', () => {
  it('goes from the oldest to the newest, also past ten files in a second', async () => {
    const disk = new MemoryFileSystem()
    const names = ['20260102T030405Z-10', '20260102T030405Z-9', '20260101T030405Z-11', '20260102T030406Z-1']
    for (const name of names) disk.place(`${directory}/${name}.ndjson`, good(name))
    disk.place(`${directory}/notes.txt`, 'not letters')
    disk.place(`${directory}/20260101T030405Z-11.ndjson.rewrite`, good('half'))
    const expected = [names[2], names[1], names[0], names[3]]
    assert.deepEqual((await read(disk)).records, expected)
    assert.deepEqual(
      await letterFiles(disk, directory),
      expected.map((name) => `${name}.ndjson`),
    )
  })

  it('counts damaged lines, reads those around them, and leaves out a last line that was cut short', async () => {
    const disk = new MemoryFileSystem()
    const text = `${good('a')}{"record":\n${good('b')}\n${good('c').slice(0, -9)}`
    disk.place(`${directory}/1.ndjson`, text)
    const { records, reading } = await read(disk)
    assert.deepEqual(records, ['a', 'b'])
    assert.deepEqual(reading, {
      filesCount: 1,
      bytesCount: text.length,
      lettersCount: 2,
      damagedLinesCount: 2,
    })
  })

  it('reads a long line, and lines that lie across the pieces that are read', async () => {
    const disk = new MemoryFileSystem()
    const records = [
      'x'.repeat(20_000_000),
      ...Array.from({ length: 3_000 }, (_, n) => `${n}`.padStart(n % 400)),
    ]
    disk.place(`${directory}/1.ndjson`, records.map(good).join(''))
    assert.deepEqual((await read(disk)).records, records)
  })

  it('finds a letter again at its place, and nothing when the file changed', async () => {
    const disk = new MemoryFileSystem()
    disk.place(`${directory}/1.ndjson`, `${good('a')}${good('bb')}`)
    const found = []
    for await (const { place } of readLetters(disk, directory, {}, newReading())) found.push(place)
    const [, second] = found
    assert(second !== undefined)
    assert.equal((await readLetterAt(disk, second))?.record, 'bb')
    disk.place(`${directory}/1.ndjson`, good('bb'))
    assert.equal(await readLetterAt(disk, second), undefined)
    await disk.remove(`${directory}/1.ndjson`)
    assert.equal(await readLetterAt(disk, second), undefined)
    assert.equal(disk.openFilesCount, 0)
  })

  it('goes past a file that is taken away, and tells of one that cannot be read', async () => {
    const disk = new MemoryFileSystem()
    for (const name of ['1', '2']) disk.place(`${directory}/${name}.ndjson`, good(name))
    disk.fail({ operation: 'open', code: 'ENOENT', path: '1.ndjson' })
    assert.deepEqual((await read(disk)).records, ['2'])
    disk.fail({ operation: 'read', path: '2.ndjson' })
    await assert.rejects(read(disk), { code: 'DEAD_LETTER_UNREADABLE', message: /2\.ndjson/ })
    await assert.rejects(read(new MemoryFileSystem()), { code: 'DEAD_LETTER_UNREADABLE', message: /\/dead/ })
    assert.equal(disk.openFilesCount, 0)
  })
})

describe('linesOfFile', () => {
  it('gives every byte once, in order, whatever the file holds and how long its lines are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(fc.constantFrom('\n', 'a', 'bcd\n', 'x'.repeat(300_000)), fc.string({ maxLength: 9 })),
          {
            maxLength: 6,
          },
        ),
        fc.integer({ min: 1, max: 400_000 }),
        async (pieces, lineMaxBytes) => {
          const disk = new MemoryFileSystem()
          const content = Buffer.from(pieces.join(''))
          disk.place('/f', content)
          const lines: FileLine[] = []
          for await (const line of linesOfFile(disk, '/f', lineMaxBytes)) lines.push(line)
          assert.deepEqual(Buffer.concat(lines.map((line) => line.bytes)), content)
          let position = 0
          for (const { bytes, kind, position: told } of lines) {
            assert.equal(told, position)
            position += bytes.length
            if (kind === 'whole') {
              assert.equal(bytes.indexOf(10), bytes.length - 1)
              assert(told === 0 || content[told - 1] === 10, 'no end of an overlong line is taken for a line')
            }
            if (kind === 'torn') assert(position === content.length && !bytes.includes(10))
            // What is read at once can add to a line before it is seen to be too long.
            assert(bytes.length <= lineMaxBytes + 2 * 262_144)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('a filter', () => {
  it('selects by code, destination and time, with both ends', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    await store.keep([aLetter('x')])
    const [line] = await linesIn(disk)
    assert(line !== undefined)
    const timeMs = Date.parse(line.time)
    const cases = [
      [{}, true],
      [{ code: 'DECODE_NOT_JSON', destination: 'Logs.App' }, true],
      [{ code: 'DECODE_EMPTY' }, false],
      [{ destination: 'Logs' }, false],
      [{ sinceMs: timeMs, untilMs: timeMs }, true],
      [{ sinceMs: timeMs + 1 }, false],
      [{ untilMs: timeMs - 1 }, false],
    ] as const
    for (const [filter, expected] of cases)
      assert.equal(isSelected(line, filter), expected, JSON.stringify(filter))
    assert.equal(isSelected({ ...line, time: 'then' }, {}), true)
    assert.equal(isSelected({ ...line, time: 'then' }, { sinceMs: 0 }), false)
  })
})
