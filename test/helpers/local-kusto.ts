import type { TestContext } from 'node:test'
import {
  startLocalKusto,
  type LocalKusto,
  type LocalKustoOptions,
} from '../../sidecar/local-kusto/local-kusto.ts'

/** Fast enough for tests, long enough that messages of one moment are consumed together. */
const batchingTimeMs = 50

/** A local Kusto in memory that is closed when the test ends. */
export async function startKusto(
  t: Pick<TestContext, 'after'>,
  options: LocalKustoOptions = {},
): Promise<LocalKusto> {
  const kusto = await startLocalKusto({ batchingTimeMs, ...options })
  t.after(() => kusto.close())
  return kusto
}
