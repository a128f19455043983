/**
 * The composition root: the only module that knows every stage.
 *
 *   http → decode → route → batch → journal ══ answer
 *                              └→ delivery → kusto
 *
 * It gives each stage what it needs through the interfaces of `core/ports.ts`, brings back what an earlier process left, and
 * takes everything down in the right order.
 */
import type { AddressInfo } from 'node:net'
import { Batcher } from './batch/batcher.ts'
import type { LaneContext } from './batch/lane.ts'
import { CheckpointRows } from './checkpoint/checkpoint-rows.ts'
import { makeCheckpointTable } from './checkpoint/make-table.ts'
import { chooseCompressor } from './compress/choose-compressor.ts'
import type { Config } from './config/config.ts'
import { planFingerprint } from './config/plan-fingerprint.ts'
import { codeOf, messageOf, type SidecarError } from './core/errors.ts'
import { limits } from './core/limits.ts'
import type {
  BatchStore,
  Clock,
  FileSystem,
  Intake,
  KustoGateway,
  Random,
  RequestLedger,
  Router,
  SealedBatch,
  TableMaker,
} from './core/ports.ts'
import { Semaphore } from './core/semaphore.ts'
import { DeadLetterStore } from './dead-letter/dead-letter-store.ts'
import { parseReplayFilter } from './dead-letter/replay-filter.ts'
import { decode } from './decode/decode.ts'
import { decompress } from './decode/decompress.ts'
import { DeliveryQueue } from './delivery/delivery.ts'
import { drain } from './drain.ts'
import { AdminServer } from './http/admin-server.ts'
import { BodyIntake } from './http/body-intake.ts'
import { BodyMemoryPool } from './http/body-memory.ts'
import { Deduplication } from './http/deduplication.ts'
import { Ingest } from './http/ingest.ts'
import { HttpServer } from './http/server.ts'
import { DiskStore } from './journal/disk-store.ts'
import { MemoryStore } from './journal/memory-store.ts'
import { MemoryLedger } from './ledger/memory-ledger.ts'
import type { Log } from './observability/log.ts'
import type { Metrics } from './observability/metrics.ts'
import { createRouter } from './route/router.ts'
import { shape } from './shape/shape.ts'
import { durable, takeAgain } from './take-again.ts'

export type SidecarOptions = {
  readonly config: Config
  readonly gateway: KustoGateway & TableMaker
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  /** Of the program: what another one stored of a request cannot be continued. */
  readonly version: string
  /** Where bodies are read into; a new one when it is not given. */
  readonly bodyMemory?: BodyMemoryPool
  /** Called once promises can no longer be kept (a failed fsync); the process must stop at once. */
  readonly onFatal: (error: SidecarError) => void
}

export interface Sidecar {
  readonly address: AddressInfo
  /** Undefined without an admin listener. */
  readonly adminAddress: AddressInfo | undefined
  /**
   * Stops taking requests, seals every batch, and delivers what can be delivered within `server.shutdown_grace_ms`; the rest stays
   * in the journal. Resolves when all is closed.
   */
  drain(): Promise<void>
}

/** How often Kusto is asked for fresh resources when nothing else does, so that `/readyz` tells the truth on a quiet day. */
const probeIntervalMs = 15_000

/** Starts every stage. Rejects with a fatal SidecarError when it cannot; nothing is left running then. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { config, log } = options
  const { compress } = await chooseCompressor({ ...options, ...config.journal })
  const ledger = config.isDedupOn ? createLedger(options) : undefined
  // Rows are batched as all records are, while batches wait for their rows: each finds the other when there is something to do.
  const checkpoints = config.checkpoint && createCheckpoints(options, config.checkpoint, () => batcher)
  const store = await openStore(options, { ledger, checkpoints })
  const deadLetters = createDeadLetters(options)
  const delivery = createDelivery(options, { deadLetters, checkpoints })
  const batcher = createBatcher(options, { store, delivery, ledger, compress })
  let http: HttpServer | undefined
  let admin: AdminServer | undefined
  try {
    await deadLetters.start()
    const waiting = store instanceof DiskStore ? await store.recover() : []
    const inner = { batcher, delivery, deadLetters, ...createIntake(options, batcher, deadLetters), ledger }
    const { listen, adminListen } = config.server
    http = await createHttp(options, inner)
    const address = await http.listen(listen.host, listen.port)
    admin = adminListen === undefined ? undefined : createAdmin(options, inner, http)
    const adminAddress = adminListen && (await admin?.listen(adminListen.host, adminListen.port))
    // Not before the ports are ours: a start that fails must leave nothing running.
    redeliver(waiting, delivery, log)
    settleVoids(store, log)
    const stopProbing = probeKusto(options)
    const stopMaking = config.checkpoint && makeCheckpointTable({ ...options, ...config.checkpoint })
    const stopAsking = () => {
      stopProbing()
      stopMaking?.()
    }
    const { address: host, port } = address
    const adminPort = adminAddress?.port
    log.info({ event: 'sidecar.started', host, port, adminPort }, 'Ready for requests.')
    const closing = () => closeStore(store)
    const stages = { ...inner, http, admin, store, closeStore: closing, checkpoints, stopAsking }
    return { address, adminAddress, drain: () => drain(options, stages) }
  } catch (error) {
    http?.close()
    await admin?.close()
    await deadLetters.close()
    await closeStore(store)
    throw error
  }
}

type Audited = { readonly checkpoints: CheckpointRows | undefined }

function createLedger(options: SidecarOptions): RequestLedger {
  const { dedupMaxKeys: maxKeys, dedupWindowMs: windowMs } = options.config.journal
  return new MemoryLedger({ ...options, maxKeys, windowMs })
}

function createCheckpoints(
  options: SidecarOptions,
  destination: { readonly database: string; readonly table: string },
  intake: () => Batcher,
): CheckpointRows {
  const { config } = options
  const { records, write, journal } = config
  return new CheckpointRows({
    ...options,
    ...destination,
    ...write,
    isJournalOn: journal.enabled,
    records,
    intake,
  })
}

async function openStore(
  options: SidecarOptions,
  { ledger, checkpoints }: Audited & Pick<Inner, 'ledger'>,
): Promise<BatchStore> {
  const { config, clock, random } = options
  if (config.journal.enabled) return DiskStore.start({ ...options, ...config.journal, ledger, checkpoints })
  return new MemoryStore({ maxBytes: config.server.maxInFlightBytes, clock, random, checkpoints })
}

function createDeadLetters(options: SidecarOptions): DeadLetterStore {
  const { journal, deadLetter } = options.config
  return new DeadLetterStore({
    ...options,
    ...deadLetter,
    // The journal is synced at this interval, and a sync takes its time.
    takenIsDurableAfterMs: journal.enabled ? 2 * journal.syncIntervalMs : 0,
  })
}

function createDelivery(
  options: SidecarOptions,
  stages: Audited & Pick<Inner, 'deadLetters'>,
): DeliveryQueue {
  return new DeliveryQueue({
    ...options,
    ...stages,
    retry: options.config.retry,
    maxInFlight: limits.deliveriesInFlight,
    maxInFlightPerDestination: limits.deliveriesPerDestination,
  })
}

function createBatcher(
  options: SidecarOptions,
  stages: Pick<Inner, 'delivery' | 'ledger'> & Pick<LaneContext, 'store' | 'compress'>,
): Batcher {
  return new Batcher({
    ...options,
    ...stages,
    deliver: stages.delivery,
    compressions: new Semaphore(limits.compressionsInFlight),
    maxDestinations: limits.openDestinations,
    maxPendingBytes: options.config.server.maxInFlightBytes,
  })
}

function redeliver(batches: readonly SealedBatch[], delivery: DeliveryQueue, log: Log): void {
  for (const batch of batches) void delivery.deliver(batch, { keepExhausted: true })
  if (batches.length === 0) return
  const recordCount = batches.reduce((sum, batch) => sum + batch.recordCount, 0)
  log.info(
    { event: 'journal.recovered', batchCount: batches.length, recordCount },
    'Batches of an earlier process were found in the journal and are delivered now.',
  )
}

/** Ids of an earlier process that stand for no records get their rows. */
function settleVoids(store: BatchStore, log: Log): void {
  if (!(store instanceof DiskStore)) return
  store.settleVoids().catch((error: unknown) => {
    log.warn({ event: 'checkpoint.voids_left', code: codeOf(error) }, messageOf(error))
  })
}

type Inner = {
  readonly batcher: Batcher
  readonly delivery: DeliveryQueue
  readonly deadLetters: DeadLetterStore
  readonly router: Router
  readonly bodyIntake: BodyIntake
  /** As `bodyIntake`, for letters that nobody else has. */
  readonly replayIntake: BodyIntake
  readonly ledger: RequestLedger | undefined
}

function createIntake(
  { config, clock, metrics }: SidecarOptions,
  intake: Batcher,
  deadLetters: DeadLetterStore,
): Pick<Inner, 'router' | 'bodyIntake' | 'replayIntake'> {
  const router = createRouter({ ...config, maxOpenDestinations: limits.openDestinations })
  const bodyIntakeFor = (intake: Intake) =>
    new BodyIntake({
      decode,
      decompress,
      router,
      shape,
      intake,
      deadLetters,
      unrouted: config.unrouted,
      maxBodyBytes: config.server.maxBodyBytes,
      clock,
      metrics,
    })
  return { router, bodyIntake: bodyIntakeFor(intake), replayIntake: bodyIntakeFor(durable(intake)) }
}

function createHttp(
  options: SidecarOptions,
  { delivery, deadLetters, bodyIntake, ledger }: Inner,
): Promise<HttpServer> {
  const { config, clock, log, metrics, gateway, fileSystem } = options
  const { dedup: mode, dedupForgetWhenRead: forgetWhenRead } = config.journal
  const fingerprint = planFingerprint(config, options.version)
  const dedup = ledger && new Deduplication({ ...options, mode, forgetWhenRead, fingerprint, ledger })
  const { bodyMemory = new BodyMemoryPool() } = options
  const ingest = new Ingest({ ...config.server, bodyIntake, bodyMemory, dedup, clock, metrics })
  const reasonsNotReady = () => {
    const { service, delivery: failing } = gateway.trouble()
    // The failure of a batch that is settled by now is history.
    return [service, delivery.unsettledCount > 0 ? failing : undefined].filter(
      (reason) => reason !== undefined,
    )
  }
  return HttpServer.start({
    ingest,
    tagHeader: config.records.tagHeader,
    auth: config.server.auth,
    tls: config.server.tls,
    reasonsNotReady,
    beforeScrape: () => bringGaugesUpToDate(options, { delivery, deadLetters }),
    registry: metrics.registry,
    fileSystem,
    clock,
    log,
    metrics,
  })
}

function createAdmin(options: SidecarOptions, inner: Inner, http: HttpServer): AdminServer {
  const { clock, log, metrics } = options
  return new AdminServer({
    reasonsNotReady: () => http.reasonsNotReady(),
    beforeScrape: () => bringGaugesUpToDate(options, inner),
    registry: metrics.registry,
    flush: () => inner.batcher.flush(),
    replay: async (filter) =>
      inner.deadLetters.replay(parseReplayFilter(filter), (letter) => takeAgain(letter, inner)),
    clock,
    log,
  })
}

function bringGaugesUpToDate(
  { clock, metrics }: SidecarOptions,
  { delivery, deadLetters }: Pick<Inner, 'delivery' | 'deadLetters'>,
): void {
  const oldest = delivery.oldestReceivedAtMs
  metrics.deliveryOldestSeconds.set(oldest === undefined ? 0 : Math.max(0, clock.now() - oldest) / 1000)
  metrics.deadLetterBytes.set(deadLetters.bytesCount)
}

/** Keeps resources fresh in the background. Returns how to end it. */
function probeKusto({ gateway, clock }: SidecarOptions): () => void {
  let isEnded = false
  const probe = async () => {
    // The gateway logs and counts a failure itself, and tells it in `trouble`.
    await gateway.probe().catch(() => undefined)
    if (!isEnded) clock.after(probeIntervalMs, () => void probe())
  }
  void probe()
  return () => {
    isEnded = true
  }
}

async function closeStore(store: BatchStore): Promise<void> {
  if (store instanceof DiskStore) await store.close()
}
