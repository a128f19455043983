import type { RecordRange, RequestSlice } from '../core/request-slice.ts'

/** Records of one part that are stored: runs that do not touch, in order, each from its first record to before its end. */
type Run = { readonly start: number; readonly end: number }

/** The parts of a request as they were stored under one fingerprint. */
type Layout = {
  readonly fingerprint: number
  readonly partCount: number
  readonly parts: Map<number, { readonly partRecords: number; readonly runs: readonly Run[] }>
}

type PartOfLayout = Pick<RequestSlice, 'fingerprint' | 'partCount' | 'part' | 'partRecords'>

/** Which records of a request are stored that is not stored as a whole. Never says so of a record that was in no slice. */
export class Coverage {
  /** One, unless the configuration changed between the attempts of a request. */
  #layouts: Layout[] = []

  get isEmpty(): boolean {
    return this.#layouts.length === 0
  }

  /** Runs of records, which is what the memory for this goes by. */
  get runCount(): number {
    return this.#layouts
      .flatMap(({ parts }) => [...parts.values()])
      .reduce((sum, { runs }) => sum + runs.length, 0)
  }

  /** Under one fingerprint every record of every part. */
  get isWhole(): boolean {
    return this.#layouts.some(({ partCount, parts }) => {
      if (parts.size < partCount) return false
      for (let part = 0; part < partCount; part += 1) {
        const found = parts.get(part)
        if (found === undefined || missingIn(found.runs, found.partRecords).length > 0) return false
      }
      return true
    })
  }

  add(slice: RequestSlice): void {
    const { fingerprint, partCount, part, partRecords, firstRecord, recordCount } = slice
    if (recordCount === 0) return
    let layout = this.#layoutOf(slice)
    if (layout === undefined) {
      layout = { fingerprint, partCount, parts: new Map() }
      this.#layouts.push(layout)
    }
    const before = layout.parts.get(part)
    // Two lengths under one fingerprint: the numbers of records cannot be compared, so that only the newer ones are believed.
    const runs = before?.partRecords === partRecords ? before.runs : []
    const run = { start: firstRecord, end: firstRecord + recordCount }
    layout.parts.set(part, { partRecords, runs: withRun(runs, run) })
  }

  missing(wanted: PartOfLayout): RecordRange[] {
    const part = this.#layoutOf(wanted)?.parts.get(wanted.part)
    return missingIn(part?.partRecords === wanted.partRecords ? part.runs : [], wanted.partRecords)
  }

  #layoutOf({ fingerprint, partCount }: PartOfLayout): Layout | undefined {
    return this.#layouts.find(
      (layout) => layout.fingerprint === fingerprint && layout.partCount === partCount,
    )
  }
}

/** The runs with one more, which may overlap any of them. */
function withRun(runs: readonly Run[], added: Run): Run[] {
  const before = runs.filter(({ end }) => end < added.start)
  const after = runs.filter(({ start }) => start > added.end)
  const touching = runs.slice(before.length, runs.length - after.length)
  const start = Math.min(added.start, touching[0]?.start ?? added.start)
  const end = Math.max(added.end, touching.at(-1)?.end ?? added.end)
  return [...before, { start, end }, ...after]
}

function missingIn(runs: readonly Run[], partRecords: number): RecordRange[] {
  const missing: RecordRange[] = []
  let next = 0
  for (const { start, end } of [...runs, { start: partRecords, end: partRecords }]) {
    const until = Math.min(start, partRecords)
    if (until > next) missing.push({ firstRecord: next, recordCount: until - next })
    next = Math.max(next, end)
  }
  return missing
}
