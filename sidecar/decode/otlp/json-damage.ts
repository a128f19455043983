import { limits } from '../../core/limits.ts'
import type { RejectedRecord } from '../../core/ports.ts'
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  skipSeparators,
  skipWhitespace,
  SPACE,
} from '../bytes.ts'
import { decodeLimits } from '../limits.ts'
import { RecordFinder } from '../record-finder.ts'
import { StructuralScanner } from '../scan.ts'

/** A body with spaces in the place of what was damaged, and that. */
export type Mended = {
  readonly body: Buffer
  readonly rejected: readonly RejectedRecord[]
  /** Where a record begins from which on the body was not looked at, because too many before it are damaged. The mended body ends there. */
  readonly restStart: number | undefined
}

/** Ends a request inside a list of records; before it a record, so that the reader meets what is left unread. */
const endOfRequest = Buffer.from('{}]}]}]}')

const listNames = ['"logRecords"', '"log_records"']

/**
 * Sets log records aside whose brackets or strings are broken. Else the arrays and objects around them would seem to end too early or
 * never, and their neighbours would be lost. Finds the records behind a damaged one by their first key.
 */
export function setDamagedAside(body: Buffer): Mended {
  return new DamageReader(body).read()
}

class DamageReader {
  readonly #body: Buffer
  readonly #mended: Buffer
  readonly #finder: RecordFinder
  readonly #rejected: RejectedRecord[] = []
  #restStart: number | undefined

  constructor(body: Buffer) {
    this.#body = body
    this.#mended = Buffer.from(body)
    this.#finder = new RecordFinder(body, new StructuralScanner(body, decodeLimits.depthMax))
  }

  read(): Mended {
    const lists = listNames.flatMap((name) => this.#listsAfter(name)).sort((one, other) => one - other)
    for (const [index, list] of lists.entries()) {
      if (this.#restStart === undefined) this.#readList(list, lists[index + 1] ?? this.#body.length)
    }
    const restStart = this.#restStart
    const body =
      restStart === undefined
        ? this.#mended
        : Buffer.concat([this.#mended.subarray(0, restStart), endOfRequest])
    return { body, rejected: this.#rejected, restStart }
  }

  /** Where the first elements of the lists with this name are. */
  #listsAfter(name: string): number[] {
    const body = this.#body
    const lists: number[] = []
    for (let found = body.indexOf(name); found >= 0; found = body.indexOf(name, found + 1)) {
      const colon = skipWhitespace(body, found + name.length, body.length)
      const bracket = skipWhitespace(body, colon + 1, body.length)
      if (body[colon] === COLON && body[bracket] === OPEN_BRACKET) lists.push(bracket + 1)
    }
    return lists
  }

  #readList(start: number, end: number): void {
    let lastGood = -1
    let offset = skipSeparators(this.#body, start, end)
    while (offset < end && this.#body[offset] !== CLOSE_BRACKET) {
      if (this.#rejected.length >= limits.rejectedMaxCount) {
        this.#restStart = offset
        return
      }
      const isObject = this.#body[offset] === OPEN_BRACE
      const damage = isObject ? this.#finder.damageAfter(offset, end) : { offset, isSound: false }
      let next = damage.offset
      if (damage.isSound) lastGood = offset
      else {
        next = this.#nextRecord(damage.offset, end, [offset, lastGood])
        // Nothing tells where the last list of a body that was cut off would end.
        if (next < 0) return
        this.#setAside(offset, next)
      }
      offset = skipSeparators(this.#body, next, end)
    }
  }

  /** The next record of the list, or else the end of the list. */
  #nextRecord(from: number, end: number, likes: readonly number[]): number {
    const next = this.#finder.find('list', { from, last: end, end }, likes)
    return next < 0 ? this.#endOfList(from, end) : next
  }

  /** The first `]` that is followed by `}`, as after the last record in its scope. */
  #endOfList(from: number, end: number): number {
    const list = this.#body.subarray(0, end)
    for (let offset = list.indexOf(CLOSE_BRACKET, from); offset >= 0;) {
      if (list[skipWhitespace(list, offset + 1, end)] === CLOSE_BRACE) return offset
      offset = list.indexOf(CLOSE_BRACKET, offset + 1)
    }
    return -1
  }

  #setAside(start: number, next: number): void {
    const comma = this.#body.lastIndexOf(COMMA, next)
    const end = comma > start && skipWhitespace(this.#body, comma + 1, next) === next ? comma : next
    const reason = `The OTLP data at byte ${start} cannot be taken: its brackets or strings are broken.`
    this.#rejected.push({ code: 'DECODE_NOT_OTLP', reason, bytes: this.#body.subarray(start, end) })
    this.#mended.fill(SPACE, start, end)
  }
}
