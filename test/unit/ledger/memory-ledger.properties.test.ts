/** The ledger against a model that keeps every record by itself. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { RequestSlice } from '../../../sidecar/core/request-slice.ts'
import { MemoryLedger } from '../../../sidecar/ledger/memory-ledger.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { silentLog } from '../../../sidecar/observability/log.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { aSlice, windowMs } from './a-ledger.ts'

/** How each request is cut, by its number: records in each part. */
const cuts = [[1], [5], [3, 4], [1, 1, 6]] as const
const requestCount = cuts.length
const fingerprints = [1, 2] as const

type Model = {
  /** When a request was whole. */
  readonly wholeAt: Map<string, number>
  /** `fingerprint part record` of what is stored of a request, and when something was last. */
  readonly records: Map<string, { stored: Set<string>; at: number }>
}

const recordNames = (slice: RequestSlice) =>
  Array.from(
    { length: slice.recordCount },
    (_, index) => `${slice.fingerprint} ${slice.part} ${slice.firstRecord + index}`,
  )

function forgetOld(model: Model, nowMs: number): void {
  for (const [key, at] of model.wholeAt) if (nowMs - at >= windowMs) model.wholeAt.delete(key)
  for (const [key, { at }] of model.records) if (nowMs - at >= windowMs) model.records.delete(key)
}

function storeInModel(model: Model, slice: RequestSlice, nowMs: number): void {
  const { key } = slice
  if (model.wholeAt.has(key)) return
  const entry = model.records.get(key) ?? { stored: new Set<string>(), at: 0 }
  for (const name of recordNames(slice)) entry.stored.add(name)
  model.records.set(key, { ...entry, at: nowMs })
  const isWhole = fingerprints.some((fingerprint) =>
    everySlice(slice.key, fingerprint).every((whole) =>
      recordNames(whole).every((name) => entry.stored.has(name)),
    ),
  )
  if (!isWhole) return
  model.records.delete(key)
  model.wholeAt.set(key, nowMs)
}

/** The slices that are all of a request. */
function everySlice(key: string, fingerprint: number): RequestSlice[] {
  const cut = cuts[Number.parseInt(key, 16)] ?? assert.fail()
  return cut.map((partRecords, part) => ({
    ...aSlice(0, { partRecords, part, partCount: cut.length, fingerprint }),
    key,
  }))
}

const aRequest = fc.nat({ max: requestCount - 1 }).map((number) => number.toString(16).padStart(32, '0'))
const slices = fc.array(
  fc
    .record({
      key: aRequest,
      fingerprint: fc.constantFrom(...fingerprints),
      part: fc.nat(),
      first: fc.nat(),
      count: fc.nat(),
      connection: fc.constantFrom('', 'c', 'd'),
      requestNumber: fc.integer({ min: 1, max: 4 }),
    })
    .map(({ key, fingerprint, part, first, count, connection, requestNumber }) => {
      const parts = everySlice(key, fingerprint)
      const whole = parts[part % parts.length] ?? assert.fail()
      const firstRecord = first % whole.partRecords
      const recordCount = 1 + (count % (whole.partRecords - firstRecord))
      return { ...whole, firstRecord, recordCount, connection, requestNumber }
    }),
  { maxLength: 6 },
)

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('store' as const), slices }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      key: aRequest,
      fingerprint: fc.constantFrom(...fingerprints),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), key: aRequest }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.constantFrom(100, windowMs / 2, windowMs),
    }),
  },
)

function aLedgerAt(clock: ManualClock, maxKeys = 10_000) {
  return new MemoryLedger({ maxKeys, windowMs, clock, metrics: createMetrics(), log: silentLog() })
}

const keys = Array.from({ length: requestCount }, (_, number) => number.toString(16).padStart(32, '0'))

/** Compares everything that can be asked. `isBounded`: the ledger may have forgotten more, but never know more. */
function compare(ledger: MemoryLedger, model: Model, isBounded: boolean): void {
  for (const key of keys) {
    const isStored = model.wholeAt.has(key)
    if (!isBounded || ledger.isStored(key)) assert.equal(ledger.isStored(key), isStored, key)
    for (const fingerprint of fingerprints) {
      for (const whole of everySlice(key, fingerprint)) {
        const missing = ledger.missing(whole, whole).flatMap((range) => recordNames({ ...whole, ...range }))
        const expected = recordNames(whole).filter(
          (name) => !isStored && model.records.get(key)?.stored.has(name) !== true,
        )
        if (isBounded)
          assert(
            expected.every((name) => missing.includes(name)),
            `${key} lost a record`,
          )
        else assert.deepEqual(missing, expected)
      }
    }
    const isLive = isStored || model.records.has(key)
    if (!isBounded) assert.equal(ledger.isLive(aSlice(0, { key })), isLive)
  }
}

function run(
  steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
  maxKeys?: number,
): void {
  const clock = new ManualClock()
  const ledger = aLedgerAt(clock, maxKeys)
  const model: Model = { wholeAt: new Map(), records: new Map() }
  for (const each of steps) {
    if (each.kind === 'time') clock.advance(each.ms)
    // With little memory the ledger may have forgotten and learned anew; then the model is all that was ever stored.
    if (maxKeys === undefined) forgetOld(model, clock.monotonic())
    if (each.kind === 'forget') {
      if (maxKeys === undefined || ledger.isStored(each.key)) model.wholeAt.delete(each.key)
      ledger.forget(each.key)
    }
    if (each.kind === 'store') {
      ledger.store(each.slices)
      for (const slice of each.slices) storeInModel(model, slice, clock.monotonic())
    }
    if (each.kind === 'finish') {
      const missing = everySlice(each.key, each.fingerprint).flatMap((whole) =>
        ledger.missing(whole, whole).map((range) => ({ ...whole, ...range })),
      )
      for (const slice of missing) {
        ledger.store([slice])
        storeInModel(model, slice, clock.monotonic())
      }
      if (maxKeys === undefined) assert.equal(ledger.isStored(each.key), true, 'nothing else was missing')
    }
    compare(ledger, model, maxKeys !== undefined)
  }
}

describe('MemoryLedger, whatever happens', () => {
  it('knows what was stored, neither more nor less, and is whole once what it missed is stored', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 25 }), (steps) => run(steps)))
  })

  it('never takes a record for stored that is not, with however little memory', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 4 }), (steps, maxKeys) =>
        run(steps, maxKeys),
      ),
    )
  })

  it('is told at start in any order and as often as one likes', () => {
    fc.assert(
      fc.property(slices, fc.nat(), (stored, seed) => {
        const [one, other] = [aLedgerAt(new ManualClock()), aLedgerAt(new ManualClock())]
        one.restore(stored)
        const turned = [...stored, ...stored].map((slice, index) => ({
          slice,
          at: (index * 7_919 + seed) % 13,
        }))
        other.restore(turned.toSorted((a, b) => a.at - b.at).map(({ slice }) => slice))
        for (const key of keys) {
          for (const fingerprint of fingerprints) {
            for (const whole of everySlice(key, fingerprint)) {
              assert.deepEqual(other.missing(whole, whole), one.missing(whole, whole))
            }
          }
        }
      }),
    )
  })

  it('knows after a restart what the last arrivals of each connection stored, and no more', () => {
    fc.assert(
      fc.property(slices, (stored) => {
        const clock = new ManualClock()
        const ledger = aLedgerAt(clock)
        ledger.restore(stored)
        const model: Model = { wholeAt: new Map(), records: new Map() }
        for (const slice of stored) {
          const isSuperseded =
            slice.connection !== '' &&
            stored.some(
              (other) => other.connection === slice.connection && other.requestNumber > slice.requestNumber,
            )
          if (!isSuperseded) storeInModel(model, slice, 0)
        }
        compare(ledger, model, false)
      }),
    )
  })
})
