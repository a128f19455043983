import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { EngineAnswer } from '../../../sidecar/kusto/engine.ts'
import { ExtentQuestions, carriesTag, extentsCommand } from '../../../sidecar/kusto/extents.ts'
import { quotedName, quotedText } from '../../../sidecar/kusto/kusto-text.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { CommandReader } from '../../../sidecar/local-kusto/commands/reader.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { aSealedBatch } from '../../helpers/sealed-batch.ts'

const tag = 'ingest-by:w0:1.abcd:1'

describe('carriesTag', () => {
  const cases: [what: string, tags: unknown, outcome: boolean][] = [
    ['the tag alone', tag, true],
    ['the tag among lines', `first\r\n${tag}\r\nlast`, true],
    ['the tag between spaces', ` a ${tag} b `, true],
    ['a JSON array', JSON.stringify(['a', tag]), true],
    ['an array', ['a', tag], true],
    ['a longer tag', `${tag}2`, false],
    ['a longer tag in an array', JSON.stringify([`${tag}2`]), false],
    ['a tag that ends with it', `x${tag}`, false],
    ['a tag of another case', tag.toUpperCase(), false],
    ['another kind of tag', 'drop-by:w0:1.abcd:1', false],
    ['no tags', '', false],
    ['null', null, false],
    ['something else', { tags: tag }, false],
    ['a text that only begins like an array', `[broken\r\n${tag}`, true],
  ]
  for (const [what, tags, outcome] of cases) {
    it(`says ${outcome} of ${what}`, () => {
      assert.equal(carriesTag(tags, tag), outcome)
    })
  }
})

describe('the command for extents', () => {
  it('names table and tag', () => {
    assert.equal(
      extentsCommand('My table', 'w0:1.abcd:1'),
      ".show table ['My table'] extents where tags has 'ingest-by:w0:1.abcd:1'",
    )
  })

  it('keeps names and tags inside of their quotes, whatever they hold', () => {
    const names = [
      "a'b",
      'a"b',
      String.raw`a\'b`,
      "x'] | .drop table T",
      'a\nb',
      '\u2028',
      'é😀',
      '\u0000',
      '\\',
    ]
    for (const name of names) {
      const reader = new CommandReader(extentsCommand(name, name))
      assert.ok(reader.take('.', 'show', 'table'))
      assert.equal(reader.name('a name'), name)
      assert.ok(reader.take('extents', 'where', 'tags', 'has'))
      assert.equal(reader.string('a tag'), `ingest-by:${name}`)
      reader.end()
      assert.doesNotMatch(quotedName(name) + quotedText(name), /[\n\r\u2028]/)
    }
  })
})

async function create(answer: (database: string, command: string) => EngineAnswer) {
  const clock = new ManualClock()
  const asked: string[] = []
  const logLines: string[] = []
  const log = await createLog(
    { level: 'info', format: 'json' },
    { write: (line) => void logLines.push(line) },
  )
  const engine = {
    command: async (database: string, command: string) => {
      asked.push(database)
      return answer(database, command)
    },
  }
  const extents = new ExtentQuestions({ engine, clock, log })
  const isIngested = async (destination: { database?: string; table?: string } = {}) => {
    const batch = aSealedBatch({ id: 'w0:1.abcd:1', destination })
    return extents.isRefused(batch) ? undefined : extents.judge(batch, await extents.ask(batch))
  }
  return { clock, asked, logLines, isIngested }
}

const refusal = (isAboutEntity: boolean): EngineAnswer => ({
  kind: 'refused',
  error: new SidecarError('KUSTO_UNAUTHORIZED', 'Refused with 403.'),
  isAboutEntity,
})

describe('ExtentQuestions', () => {
  it('says true only of an extent with exactly the tag', async () => {
    let tags: unknown[] = []
    const { isIngested } = await create(() => ({ kind: 'rows', rows: tags.map((one) => ({ Tags: one })) }))
    assert.equal(await isIngested(), false)
    tags = [`${tag}2`, `${tag}3\r\nother`]
    assert.equal(await isIngested(), false)
    tags = [`${tag}2`, `${tag}\r\nother`]
    assert.equal(await isIngested(), true)
  })

  it('rejects when extents come without tags, which would look like "not ingested"', async () => {
    const { isIngested } = await create(() => ({ kind: 'rows', rows: [{ ExtentId: 'x' }] }))
    await assert.rejects(isIngested(), { code: 'KUSTO_UNCLASSIFIED' })
  })

  it('remembers a refusal for ten minutes, with one line in the log, for all tables of the database', async () => {
    const { clock, asked, logLines, isIngested } = await create(() => refusal(false))
    for (const table of ['A', 'A', 'B']) assert.equal(await isIngested({ table }), undefined)
    assert.deepEqual(asked, ['Logs'])
    await isIngested({ database: 'Other' })
    assert.deepEqual(asked, ['Logs', 'Other'])
    assert.equal(logLines.length, 2)

    clock.advance(10 * 60_000 - 1)
    await isIngested()
    assert.equal(asked.length, 2)
    clock.advance(2)
    await isIngested()
    assert.equal(asked.length, 3)
  })

  it('asks about other tables when one is not known', async () => {
    const { asked, isIngested } = await create((_, command) =>
      command.includes("'Gone'") ? refusal(true) : { kind: 'rows', rows: [{ Tags: tag }] },
    )
    assert.equal(await isIngested({ table: 'Gone' }), undefined)
    assert.equal(await isIngested({ table: 'Gone' }), undefined)
    assert.equal(await isIngested({ table: 'App' }), true)
    assert.equal(asked.length, 2)
  })
})
