/** A gateway against the stand-in for Kusto. */
import type { TestContext } from 'node:test'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { settledWhenQueued, type Settlement } from '../../../sidecar/core/settlement.ts'
import { QueuedIngestion } from '../../../sidecar/kusto/gateway.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { systemClock } from '../../../sidecar/platform/clock.ts'
import { systemRandom } from '../../../sidecar/platform/random.ts'
import { StandInKusto } from '../../fakes/stand-in-kusto.ts'
import { aSealedBatch, aSending } from '../../helpers/sealed-batch.ts'

export async function aGateway(t: TestContext, settlement: Settlement = settledWhenQueued) {
  const kusto = await StandInKusto.start(t)
  const logLines: string[] = []
  const log = await createLog(
    { level: 'debug', format: 'json' },
    { write: (line) => void logLines.push(line) },
  )
  const metrics = createMetrics()
  const gateway = new QueuedIngestion({
    clusterUrl: kusto.url,
    ingestionUrl: kusto.url,
    auth: { type: 'none' },
    trustHost: false,
    cacheExpirationMs: 7_200_000,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
  })
  t.after(() => gateway.close())
  const aBatch = (records = ['{"n":1}'], table = 'App') =>
    aSealedBatch({ records, destination: { table }, settlement })
  const send = async (batch: SealedBatch) => gateway.enqueue(batch, aSending(await gateway.upload(batch, 0)))
  const errorsOf = async (operation: string) =>
    (await metrics.kustoErrors.get()).values.filter(({ labels }) => labels.operation === operation)
  return { kusto, gateway, aBatch, send, logLines, metrics, errorsOf }
}
