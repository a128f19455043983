import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { readRow, tablesFor, writeRow } from '../../../sidecar/kusto/status-rows.ts'
import type { StatusRow } from '../../../sidecar/kusto/status-table.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { waitFor } from '../../helpers/wait.ts'

const tables = ['a', 'b', 'c'].map((account) => ({
  url: `https://${account}.table.core.windows.net/status?sig=1`,
  account,
}))
const ids = Array.from({ length: 300 }, (_, n) => `source-${n}`)
const accountsFor = (id: string, some = tables) => tablesFor(id, some).map(({ account }) => account)
const row = { sourceId: 's', blobUrl: 'b', database: 'd', table: 't', updatedOn: 'u' }

describe('tablesFor', () => {
  it('gives every process the same order, whatever the order and the SAS of the tables', () => {
    const renewed = tables
      .map((table) => ({ ...table, url: table.url.replace('sig=1', 'sig=2') }))
      .toReversed()
    for (const id of ids) assert.deepEqual(accountsFor(id, renewed), accountsFor(id))
  })

  it('uses every table', () => {
    const firsts = ids.map((id) => accountsFor(id)[0])
    for (const { account } of tables)
      assert.ok(firsts.filter((first) => first === account).length > ids.length / 6, account)
  })

  it('leaves rows where they are when another table is handed out, but for those that are its own', () => {
    for (const id of ids) {
      const [before] = accountsFor(id, tables.slice(0, 2))
      const [after] = accountsFor(id)
      assert.ok(after === before || after === 'c')
    }
  })
})

describe('writeRow', () => {
  it('tries again a little later, and says where the row is', async () => {
    const clock = new ManualClock()
    const tried: string[] = []
    const client = {
      insertPending: async (url: string) => {
        tried.push(url)
        if (tried.length < 3) throw new SidecarError('KUSTO_THROTTLED', 'busy')
      },
    }
    const writing = writeRow(client, tables, row, clock)
    await waitFor('the third attempt', () => {
      clock.advance(100)
      return tried.length === 3
    })
    const [first] = tablesFor('s', tables)
    assert.deepEqual(await writing, { tableUrl: first?.url, key: 's' })
    assert.deepEqual(new Set(tried), new Set([first?.url]))
  })

  it('gives up after some attempts, with the error', async () => {
    const clock = new ManualClock()
    let attempts = 0
    const client = {
      insertPending: async () => {
        attempts += 1
        throw new SidecarError('KUSTO_THROTTLED', 'busy')
      },
    }
    const writing = writeRow(client, tables, row, clock)
    const rejected = assert.rejects(writing, { code: 'KUSTO_THROTTLED' })
    await waitFor('the third attempt', () => {
      clock.advance(100)
      return attempts === 3
    })
    await rejected
  })

  it('has no place without tables', async () => {
    const client = { insertPending: async () => assert.fail() }
    assert.equal(await writeRow(client, [], row, new ManualClock()), undefined)
  })
})

describe('readRow', () => {
  const succeeded: StatusRow = { status: 'Succeeded', errorCode: '', failureStatus: '' }

  it('asks the table where it was written first, and the others only when it is not there', async () => {
    const order = tablesFor('s', tables).map(({ url }) => url)
    for (const holder of [0, 1, 2, 3]) {
      const asked: string[] = []
      const client = {
        read: async (url: string) => {
          asked.push(url)
          return url === order[holder] ? succeeded : undefined
        },
      }
      const found = await readRow(client, tables, 's')
      assert.equal(found, holder === 3 ? undefined : succeeded)
      assert.deepEqual(asked, order.slice(0, holder + 1))
    }
  })
})
