import { createEngine, type Engine } from '../../../sidecar/local-kusto/engine.ts'
import { fromJson } from '../../../sidecar/local-kusto/engine/convert.ts'
import { Store } from '../../../sidecar/local-kusto/engine/store.ts'
import { noFaults } from '../../../sidecar/local-kusto/faults.ts'
import { toPlainRows, type PlainRow } from '../../../sidecar/local-kusto/plain-rows.ts'

export type TestEngine = { readonly engine: Engine; readonly store: Store; query(text: string): PlainRow[] }

/** An engine in memory, without storage; `rows` go into the table `T` with these columns. */
export function anEngine(columns = 'a:string', rows: readonly (readonly unknown[])[] = []): TestEngine {
  const store = new Store(undefined)
  const engine = createEngine({
    store,
    faults: noFaults(),
    identityToken: 'token',
    failures: [],
    resources: () => [],
  })
  engine.run(undefined, `.create table T (${columns})`)
  const table = store.catalog.get('NetDefaultDB', 'T')
  const extent = store.beginExtent(table)
  extent.append(rows.map((row) => table.columns.map(({ type }, index) => fromJson(jsonOf(row[index]), type))))
  extent.commit({ tags: [], rawBytes: 0, createdTicks: 0n })
  return { engine, store, query: (text) => toPlainRows(engine.run(undefined, text)) }
}

function jsonOf(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value ?? null)
}
