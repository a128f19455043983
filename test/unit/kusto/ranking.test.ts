import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AccountRanking } from '../../../sidecar/kusto/ranking.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'

const resources = ['a', 'b', 'c'].map((account) => ({ account }))

function countChoices(
  ranking: AccountRanking,
  times: number,
  kind: 'container' | 'queue' = 'container',
): Record<string, number> {
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 }
  for (let n = 0; n < times; n += 1) {
    const account = ranking.choose(kind, resources)?.account ?? ''
    counts[account] = (counts[account] ?? 0) + 1
  }
  return counts
}

describe('AccountRanking', () => {
  it('uses all in rotation while all work, containers and queues each by themselves', () => {
    const ranking = new AccountRanking(new SeededRandom(1))
    const used = { container: new Set<string>(), queue: new Set<string>() }
    for (let n = 0; n < 6; n += 1) {
      for (const kind of ['container', 'queue'] as const)
        used[kind].add(ranking.choose(kind, resources)?.account ?? '')
    }
    assert.deepEqual([used.container.size, used.queue.size], [3, 3])
    assert.deepEqual(countChoices(ranking, 300), { a: 100, b: 100, c: 100 })
  })

  it('avoids one that fails, but asks it now and then, and comes back to it', () => {
    const ranking = new AccountRanking(new SeededRandom(1))
    for (let n = 0; n < 10; n += 1) ranking.report('b', false)

    const { b: whileFailing = 0 } = countChoices(ranking, 1_000)
    assert.ok(whileFailing > 0 && whileFailing < 100, `${whileFailing} of 1000`)

    for (let n = 0; n < 20; n += 1) ranking.report('b', true)
    const { b: afterwards = 0 } = countChoices(ranking, 300)
    assert.ok(afterwards > 80, `${afterwards} of 300`)
  })

  it('still chooses when all fail', () => {
    const ranking = new AccountRanking(new SeededRandom(1))
    for (const { account } of resources) for (let n = 0; n < 50; n += 1) ranking.report(account, false)
    assert.deepEqual(countChoices(ranking, 300), { a: 100, b: 100, c: 100 })
    assert.equal(ranking.choose('queue', []), undefined)
  })

  it('forgets an account that is no longer handed out', () => {
    const ranking = new AccountRanking(new SeededRandom(1))
    for (let n = 0; n < 10; n += 1) ranking.report('b', false)
    ranking.retain(new Set(['a', 'c']))
    assert.deepEqual(countChoices(ranking, 300), { a: 100, b: 100, c: 100 })
  })
})
