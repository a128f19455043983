/** Takes everything down in the right order: no new requests, then what is there is settled as far as the grace allows, then the disk. */
import type { Batcher } from './batch/batcher.ts'
import type { CheckpointRows } from './checkpoint/checkpoint-rows.ts'
import type { BatchStore, Clock, KustoGateway } from './core/ports.ts'
import type { DeadLetterStore } from './dead-letter/dead-letter-store.ts'
import type { DeliveryQueue } from './delivery/delivery.ts'
import type { AdminServer } from './http/admin-server.ts'
import type { HttpServer } from './http/server.ts'
import type { Log } from './observability/log.ts'

type DrainOptions = {
  readonly config: { readonly server: { readonly shutdownGraceMs: number } }
  readonly clock: Clock
  readonly gateway: KustoGateway
  readonly log: Log
}

type RunningStages = {
  readonly http: HttpServer
  readonly admin: AdminServer | undefined
  readonly batcher: Batcher
  readonly delivery: DeliveryQueue
  readonly deadLetters: DeadLetterStore
  readonly checkpoints: CheckpointRows | undefined
  readonly store: BatchStore
  readonly closeStore: () => Promise<void>
  /** Ends what is asked of Kusto in the background. */
  readonly stopAsking: () => void
}

/** For sealing the last checkpoint rows when the grace is over. */
const sealTimeMs = 1_000

export async function drain(
  { config, clock, gateway, log }: DrainOptions,
  stages: RunningStages,
): Promise<void> {
  const { http, admin, batcher, delivery, deadLetters, store, closeStore, checkpoints, stopAsking } = stages
  const { shutdownGraceMs } = config.server
  const after = (delayMs: number) => new Promise<void>((resolve) => clock.after(delayMs, resolve))
  const deadline = after(shutdownGraceMs)
  log.info({ event: 'sidecar.draining' }, 'Stopping: no new requests; sealing and delivering what is there.')
  stopAsking()
  deadLetters.stopReplay()
  // Requests that wait for their batch to be settled (no journal) need it sealed; a slow body may use half of the time.
  const answered = http.drain()
  await Promise.race([batcher.drain().then(() => answered), after(shutdownGraceMs / 2)])
  http.close()
  // What came in meanwhile is sealed too.
  await Promise.race([settleAll(stages), deadline])
  delivery.stop()
  if (checkpoints !== undefined) {
    // What was settled in the last moment has its row in an open batch, which is sealed while the directory is ours.
    await checkpoints.close()
    await Promise.race([batcher.drain(), after(sealTimeMs)])
  }
  const isAllDelivered = batcher.isIdle && delivery.unsettledCount === 0
  await admin?.close()
  await gateway.close()
  await deadLetters.close()
  await closeStore()
  const fields = { event: 'sidecar.stopped', waitingBatches: delivery.unsettledCount }
  if (isAllDelivered) log.info(fields, 'Stopped; everything was delivered.')
  else if (store.isDurable && batcher.isIdle)
    log.info(fields, 'Stopped; batches wait in the journal for the next start.')
  else if (store.isDurable)
    log.warn(
      fields,
      'Stopped; records wait in the journal. Those accepted with guarantee none that the disk refused are lost.',
    )
  else
    log.warn(
      fields,
      'Stopped; batches in memory were not delivered. Records accepted with guarantee none are lost; other senders were not told that theirs are safe.',
    )
}

/** Again after the first time: batches that are settled make rows, which are batches too. */
async function settleAll({ batcher, delivery }: Pick<RunningStages, 'batcher' | 'delivery'>): Promise<void> {
  do {
    await batcher.drain()
    await delivery.whenIdle()
  } while (!batcher.isIdle)
}
