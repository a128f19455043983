/** The simulation, tested: each of these bugs is planted, and has to be noticed within a bounded number of schedules. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../sidecar/core/errors.ts'
import type { File, IngestionOutcome } from '../../sidecar/core/ports.ts'
import type { Plants } from './sim-process.ts'
import { simulate } from './simulate.ts'

const maxRuns = 150

/** The part with some of its methods replaced. Methods of the right one keep their own `this`. */
function but<Part extends object>(right: Part, wrong: Partial<Part>): Part {
  return new Proxy(right, {
    get(target, name) {
      if (name in wrong) return Reflect.get(wrong, name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const nothing = async (): Promise<void> => undefined
const ingested = { kind: 'ingested', isRepeat: false } as const
const pending = { kind: 'pending' } as const

/** Files of the journal with a bug. */
function files(wrong: (right: File) => Partial<File>): Plants {
  return {
    fileSystem: (right) =>
      but(right, {
        open: async (path, mode) => {
          const file = await right.open(path, mode)
          return path.includes('writer.json') ? file : but(file, wrong(file))
        },
      }),
  }
}

function statuses(change: (outcome: IngestionOutcome) => IngestionOutcome): Plants {
  return {
    gateway: (right) => but(right, { statusOf: async (...about) => change(await right.statusOf(...about)) }),
  }
}

const codeIs = (outcome: IngestionOutcome, code: string) =>
  outcome.kind === 'failed' && outcome.error.code === code

const bugs: Readonly<Record<string, Plants>> = {
  'files are never synced': files(() => ({ sync: nothing })),
  'the directory is never synced': { fileSystem: (right) => but(right, { syncDirectory: nothing }) },
  'a request is acknowledged before its sync': {
    store: (right) =>
      but(right, {
        open: async (...about) => {
          const batch = await right.open(...about)
          return but(batch, { sync: nothing })
        },
      }),
  },
  'a failed write is not undone': files(() => ({ truncate: nothing })),
  'batch ids are used again': {
    random: (right) => ({ next: () => right.next(), hex: (bytesCount) => '00'.repeat(bytesCount) }),
    fileSystem: (right) => {
      let isFirst = true
      return but(right, {
        rename: (from, to) => (to.endsWith('writer.json') ? nothing() : right.rename(from, to)),
        // From the first listing a start takes the epochs that were used.
        list: async (path) => {
          const names = isFirst ? [] : await right.list(path)
          isFirst = false
          return names
        },
      })
    },
  },
  'what is remembered of requests is lost at a restart': {
    ledger: (right) => but(right, { restore: () => undefined }),
  },
  'what is remembered of requests goes with their batch': {
    ledger: (right) => but(right, { isLive: () => false }),
  },
  'a request that is stored in part counts as stored': {
    ledger: (right) => {
      const seen = new Set<string>()
      return but(right, {
        store: (slices) => {
          for (const { key } of slices) seen.add(key)
          right.store(slices)
        },
        forget: (key) => {
          seen.delete(key)
          right.forget(key)
        },
        isStored: (key) => seen.has(key),
      })
    },
  },
  'a request is never forgotten, though its answer was read': {
    ledger: (right) => but(right, { forget: () => undefined }),
  },
  'a message is posted before it is on record': { batch: (right) => but(right, { recordSending: nothing }) },
  'a batch is settled when its message is sent': statuses(() => ingested),
  'a message is sent again without asking': {
    gateway: (right) =>
      but(right, {
        statusOf: async () => pending,
        isIngested: async () => false,
        withdraw: async () => true,
      }),
  },
  'the blob of a lost message is left where it is': {
    gateway: (right) => but(right, { withdraw: async () => true }),
  },
  'a failure for good counts as success': statuses((outcome) =>
    codeIs(outcome, 'KUSTO_INGESTION_FAILED') ? ingested : outcome,
  ),
  'a batch that was ingested in part is sent again': {
    gateway: (right) =>
      but(right, {
        statusOf: async (...about) => {
          const outcome = await right.statusOf(...about)
          if (!codeIs(outcome, 'KUSTO_INGESTION_PARTIAL')) return outcome
          return { kind: 'failed', error: new SidecarError('KUSTO_INGESTION_TRANSIENT', 'planted') }
        },
        isIngested: async () => false,
      }),
  },
  'dead letters are not written': { deadLetters: (right) => but(right, { keep: nothing }) },
}

describe('the simulation notices that', () => {
  for (const [name, plants] of Object.entries(bugs)) {
    it(name, async (t) => {
      for (let run = 1; run <= maxRuns; run += 1) {
        const { problems } = await simulate(run, 'exactly_once', plants)
        if (problems.length === 0) continue
        t.diagnostic(`in schedule ${run}: ${problems[0]}`)
        return
      }
      assert.fail(`not noticed in ${maxRuns} schedules`)
    })
  }
})
