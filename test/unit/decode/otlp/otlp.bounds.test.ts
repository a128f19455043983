import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limits } from '../../../../sidecar/core/limits.ts'
import { outputLimitFor } from '../../../../sidecar/decode/json-writer.ts'
import { wrapField } from '../../../../sidecar/decode/otlp/wire.ts'
import { otlpJson, otlpProtobuf, requestOf, type ResourceLogs } from '../../../helpers/otlp.ts'
import {
  decodeAs,
  decodeProtobuf,
  type Outcome,
  recordOf,
  requestWith,
} from '../../../helpers/otlp-outcome.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

describe('decodeOtlp bounds what a body becomes', () => {
  const logRecords = Array.from({ length: 100 }, (_, id) => ({ body: { stringValue: String(id) } }))
  const logs: ResourceLogs[] = [
    requestOf({ body: { stringValue: 'first' } }),
    {
      resource: { attributes: [{ key: 'large', value: { stringValue: 'x'.repeat(1_000_000) } }] },
      scopeLogs: [
        { scope: { name: 'a' }, logRecords },
        { scope: { name: 'b' }, logRecords: [{ body: { stringValue: 'in b' } }] },
      ],
    },
    requestOf({ body: { stringValue: 'last' } }),
  ]
  for (const [name, body] of Object.entries({ protobuf: otlpProtobuf(...logs), json: otlpJson(...logs) })) {
    it(`and keeps the rest as a request of its own, in ${name}`, () => {
      const outcomes: Outcome[] = []
      for (let rest: Buffer | undefined = body; rest !== undefined; rest = outcomes.at(-1)?.rejected[0])
        outcomes.push(decodeAs(`application/${name}`, rest))
      assert.equal(outcomes.length, 2)
      const [first] = outcomes
      if (name === 'json') assert.doesNotThrow(() => JSON.parse(String(first?.rejected[0])) as unknown)
      assert.ok(first !== undefined && JSON.stringify(first.rows).length <= outputLimitFor(body.length))
      assert.match(
        first.reasons[0] ?? '',
        /^The first 64 records of this body, each with its resource, fill the memory/,
      )
      const rows = outcomes.flatMap((outcome) => outcome.rows)
      assert.deepEqual(
        rows.map((row) => row.Body),
        ['first', ...logRecords.keys().map(String), 'in b', 'last'],
      )
      assert.equal(Object.keys(rows.at(-2)?.ResourceAttributes ?? {})[0], 'large')
      assert.deepEqual(rows.at(-3)?.LogsAttributes, { 'scope.name': 'a' })
      assert.deepEqual(rows.at(-2)?.LogsAttributes, { 'scope.name': 'b' })
    })
  }

  it('when there are too many resources', () => {
    const empty = Array.from({ length: 100_001 }, () => wrapField(1, []))
    const { bodies, rejected } = decodeProtobuf(
      requestWith(recordOf('1')),
      ...empty,
      requestWith(recordOf('2')),
    )
    assert.deepEqual(bodies, ['1'])
    assert.equal(rejected.length, 1)
    assert.deepEqual(decodeProtobuf(...rejected).bodies, ['2'])
  })

  it('when there are too many bad records', () => {
    const { bodies, rejected } = decodeProtobuf(
      requestWith(
        recordOf('1'),
        ...Array.from({ length: limits.rejectedMaxCount }, () => hex('02')),
        recordOf('2'),
      ),
    )
    assert.deepEqual(bodies, ['1'])
    assert.equal(rejected.length, limits.rejectedMaxCount + 1)
    assert.deepEqual(decodeProtobuf(rejected.at(-1) ?? hex('')).bodies, ['2'])
  })

  const good = (body: string) => `{"body":{"stringValue":"${body}"}}`
  const damages = {
    'a bad token': '{"body":nan}',
    'no object': '1',
    'a lost quote': '{"body":{"stringValue":"x}}',
    'a brace too few': '{"body":{"stringValue":"x"}',
    'a brace too many': '{"body":{"stringValue":"x"}}}',
  }
  for (const [name, damaged] of Object.entries(damages)) {
    it(`when there are too many records with ${name}, in JSON, and the rest is a request of its own`, () => {
      const records = `${good('1')},${`${damaged},${good('2')},`.repeat(limits.rejectedMaxCount + 10)}${good('3')}`
      const body = `{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"intValue":"7"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[${records}]}]}]}`
      const first = decodeAs('application/json', Buffer.from(body))
      assert.equal(first.rejected.length, limits.rejectedMaxCount + 1)
      assert.equal(first.rows.length, limits.rejectedMaxCount)
      assert.match(first.reasons.at(-1) ?? '', /The rest was not decoded, and may hold good records\.$/)
      const second = decodeAs('application/json', first.rejected.at(-1) ?? Buffer.alloc(0))
      assert.equal(second.rows.length, 12)
      assert.equal(second.rejected.length, 10)
      for (const { ResourceAttributes, LogsAttributes } of [...first.rows, ...second.rows])
        assert.deepEqual([ResourceAttributes, LogsAttributes], [{ a: 7 }, { 'scope.name': 's' }])
    })
  }
})
