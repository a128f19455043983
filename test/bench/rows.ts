/** What is measured, as data: one entry is one row of the table. */
import type { BacklogOrder } from './backlog.ts'
import { type Form, forms } from './corpus.ts'
import type { ChainOrder } from './fluent-bit.ts'
import type { OutageOrder } from './outage.ts'
import type { ProbeOrder } from './probe.ts'
import type { Scenario } from './scenario.ts'
import type { Guarantee } from './subject.ts'
import type { VerificationOrder } from './verify.ts'

export type Job =
  | { readonly how: 'load'; readonly scenario: Scenario }
  /** The same load as another row, at a share of the requests a second that it reached. */
  | { readonly how: 'latency'; readonly top: string; readonly share: number; readonly seconds: number }
  | { readonly how: 'probe'; readonly order: ProbeOrder }
  | { readonly how: 'outage'; readonly order: OutageOrder }
  /** With as much as was asked for in the journal, or nothing. */
  | { readonly how: 'backlog'; readonly isFull: boolean; readonly order: Omit<BacklogOrder, 'backlogGb'> }
  | { readonly how: 'chain'; readonly order: ChainOrder }
  | { readonly how: 'verify'; readonly order: VerificationOrder }
  /** A measurement with a file of its own, which takes nothing and resolves with numbers. */
  | { readonly how: 'other'; readonly file: string; readonly name: string }

export type Row = {
  readonly name: string
  readonly about: string
  /** Also with `--quick`, and then with less load. */
  readonly isQuick: boolean
  readonly job: Job
}

const usual: Scenario = {
  guarantee: 'exactly_once',
  kind: 'mix',
  form: 'ndjson',
  bodyBytes: 1e6,
  connections: 16,
  totalRawBytes: 5e8,
  rate: 0,
  destinations: 1,
}

/** In names of rows. */
const shortForms = { ndjson: 'ndjson', array: 'array', 'ndjson+gzip': 'gzip', msgpack: 'msgpack' } as const
const guarantees = ['none', 'at_least_once', 'exactly_once'] as const satisfies readonly Guarantee[]

function loadRow(name: string, about: string, changes: Partial<Scenario>, isQuick = false): Row {
  return { name, about, isQuick, job: { how: 'load', scenario: { ...usual, ...changes } } }
}

function verifyRow(form: Form): Row {
  const order = { guarantee: 'exactly_once', form, bodyBytes: 1e6, totalRawBytes: 4e7, batchMb: 15 } as const
  const about = `${form}: each record is in one blob`
  return {
    name: `verify-${shortForms[form]}`,
    about,
    isQuick: form !== 'array',
    job: { how: 'verify', order },
  }
}

const verifying: Row[] = forms.map(verifyRow)

const byForm: Row[] = forms.map((form) =>
  loadRow(
    `zlib-${shortForms[form]}`,
    `${form}, 1 MB, zlib`,
    { form, compression: 'zlib' },
    form !== 'msgpack',
  ),
)

const withIsal: Row[] = (['ndjson', 'array', 'ndjson+gzip'] as const).map((form) =>
  loadRow(
    `isal-${shortForms[form]}`,
    `${form}, 1 MB, ISA-L`,
    { form, compression: 'isal' },
    form === 'ndjson',
  ),
)

const naive: Row[] = [
  loadRow('naive-ndjson', 'naive program, ndjson, 1 MB', { program: 'naive', totalRawBytes: 2e8 }, true),
  loadRow('naive-array', 'naive program, array, 1 MB', {
    program: 'naive',
    form: 'array',
    totalRawBytes: 2e8,
  }),
]

const byGuarantee: Row[] = guarantees.map((guarantee) =>
  loadRow(`64k-${guarantee}`, `${guarantee}, 64 KB`, { guarantee, bodyBytes: 64_000 }),
)

const latencies: Row[] = guarantees.map((guarantee) => ({
  name: `latency-${guarantee}`,
  about: `${guarantee}, 64 KB, 30 % of the load`,
  isQuick: false,
  job: { how: 'latency', top: `64k-${guarantee}`, share: 0.3, seconds: 6 },
}))

const bySize: Row[] = [
  ...guarantees.map((guarantee) =>
    loadRow(
      `2k-${guarantee}`,
      `${guarantee}, 2 KB, 64 connections`,
      { guarantee, bodyBytes: 2_000, connections: 64, totalRawBytes: 2e8 },
      guarantee === 'exactly_once',
    ),
  ),
  loadRow('10m', '10 MB', { bodyBytes: 1e7 }),
]

const byKind: Row[] = (['app', 'access', 'kubernetes'] as const).map((kind) =>
  loadRow(`kind-${kind}`, `${kind} records, 1 MB`, { kind, totalRawBytes: 3e8 }),
)

const byRecord: Row[] = ([10, 100, 1_000, 10_000, 100_000, 1_000_000] as const).map((bytes) =>
  loadRow(`record-${bytes}`, `records of ${bytes} B, 1 MB`, {
    kind: `${bytes}B`,
    totalRawBytes: bytes === 10 ? 5e7 : 2e8,
  }),
)

const byDestinations: Row[] = [1, 10, 100, 1_000].map((destinations) =>
  loadRow(`to-${destinations}`, `${destinations} destinations, 64 KB`, {
    destinations,
    bodyBytes: 64_000,
    totalRawBytes: 2e8,
  }),
)

const memory: Row[] = [30, 300, 1000].map((batchMb) =>
  loadRow(
    `memory-${batchMb}`,
    `64 connections, 1 MB, batches of ${batchMb} MB`,
    { connections: 64, batchMb, totalRawBytes: 1.1e9 },
    batchMb === 30,
  ),
)

const defaults: Row[] = [
  loadRow(
    'flink-defaults',
    '1 MB, batches of 1,000 records',
    { hasDefaultBatches: true, totalRawBytes: 3e8 },
    true,
  ),
]

const delivery: Row[] = [
  {
    name: 'flush-idle',
    about: 'request to blob, flush_immediately, no load',
    isQuick: true,
    job: { how: 'probe', order: { guarantee: 'exactly_once', probes: 50, loadMbPerSecond: 0 } },
  },
  {
    name: 'flush-loaded',
    about: 'request to blob, flush_immediately, 20 MB/s beside it',
    isQuick: false,
    job: { how: 'probe', order: { guarantee: 'exactly_once', probes: 100, loadMbPerSecond: 20 } },
  },
  {
    name: 'outage',
    about: 'Kusto away for 10 s, then back, 20 MB/s all the time',
    isQuick: false,
    job: {
      how: 'outage',
      order: { guarantee: 'exactly_once', batchMb: 10, liveMbPerSecond: 20, awaySeconds: 10, backSeconds: 8 },
    },
  },
  ...[false, true].map((isFull): Row => ({
    name: isFull ? 'backlog-full' : 'backlog-empty',
    about: `Kusto away, ${isFull ? 'full' : 'empty'} journal, 1 MB`,
    isQuick: false,
    job: { how: 'backlog', isFull, order: { guarantee: 'exactly_once', totalRawBytes: 3e8 } },
  })),
]

const chain: Row[] = (['null', 'sidecar'] as const).map((output) => ({
  name: `fluent-bit-${output}`,
  about: output === 'null' ? 'Fluent Bit, tail to nowhere' : 'Fluent Bit, tail to sidecar, json_lines',
  isQuick: false,
  job: { how: 'chain', order: { guarantee: 'exactly_once', output, totalRawBytes: 1.5e8 } },
}))

const others: Row[] = [
  {
    name: 'delivery',
    about: 'delivery of a full journal',
    isQuick: false,
    job: { how: 'other', file: 'delivery.ts', name: 'measureDelivery' },
  },
  {
    name: 'start',
    about: 'start of the process',
    isQuick: false,
    job: { how: 'other', file: 'start.ts', name: 'measureStart' },
  },
]

/** In the order in which they are measured; names are unique. */
export const rows: readonly Row[] = [
  ...verifying,
  ...byForm,
  ...withIsal,
  ...naive,
  ...defaults,
  ...bySize,
  ...byGuarantee,
  ...latencies,
  ...memory,
  ...byKind,
  ...byRecord,
  ...byDestinations,
  ...delivery,
  ...chain,
  ...others,
]
