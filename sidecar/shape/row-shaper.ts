import { MemberCursor, type MemberKey, memberKey, typeAt } from '../core/json-members.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import { type FieldToAdd, fieldToAdd } from './added-field.ts'
import type { BlockWriter } from './block-writer.ts'
import { isoOfEpoch, maxEpochLength } from './epoch.ts'

const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** A date in the record: its member from behind the delimiter before it to the one behind it, and its value. */
type DateMember = {
  readonly memberStart: number
  readonly memberEnd: number
  readonly valueStart: number
  readonly valueEnd: number
}

/** Writes the records of one block in their new shape. Values are copied byte by byte, so that 9007199254740993 stays what it is. */
export class RowShaper {
  readonly #bytes: Buffer
  readonly #writer: BlockWriter
  readonly #settings: RecordSettings
  readonly #isEnvelope: boolean
  readonly #dateKey: MemberKey | undefined
  /** `"tag":"kube.app",`, or nothing without a tag. */
  readonly #tagMember: Buffer
  readonly #timePrefix: Buffer
  readonly #logPrefix: Buffer
  readonly #fields: readonly FieldToAdd[]
  readonly #members: MemberCursor
  readonly #lookUps: MemberCursor
  readonly #dates: DateMember[] = []
  /** For each of `#fields`, whether the record has a member of its name. */
  readonly #isThere: boolean[]
  #hasMembers = false
  #open = 0
  #close = 0

  constructor(bytes: Buffer, writer: BlockWriter, settings: RecordSettings, tag: string | undefined) {
    this.#bytes = bytes
    this.#writer = writer
    this.#settings = settings
    this.#isEnvelope = settings.shape === 'envelope'
    const readsDates = this.#isEnvelope || settings.dateFormat === 'iso8601'
    this.#dateKey = readsDates ? memberKey(settings.dateKey) : undefined
    const prefixOf = (key: string) => `${JSON.stringify(key)}:`
    this.#tagMember = Buffer.from(
      tag === undefined ? '' : `${prefixOf(settings.tagKey)}${JSON.stringify(tag)},`,
    )
    this.#timePrefix = Buffer.from(prefixOf(settings.timeKey))
    this.#logPrefix = Buffer.from(prefixOf(settings.logKey))
    const taken = this.#isEnvelope ? [settings.logKey, ...(tag === undefined ? [] : [settings.tagKey])] : []
    this.#fields = settings.add
      .filter(({ key }) => !taken.includes(key))
      .flatMap((field) => fieldToAdd(field, tag) ?? [])
    this.#members = new MemberCursor(bytes)
    this.#lookUps = new MemberCursor(bytes)
    this.#isThere = this.#fields.map(() => false)
  }

  /** Writes the record between the offsets. False when it grows beyond `maxBytes` of the writer; what is written is then of no use. */
  write(start: number, end: number, maxBytes: number): boolean {
    this.#look(start, end)
    if (this.#isEnvelope) this.#writeEnvelope()
    else this.#writeAsIs()
    if (!this.#addFields(start, end, maxBytes)) return false
    this.#writer.byte(CLOSE_BRACE)
    if (this.#writer.bytesCount > maxBytes) return false
    this.#writer.endRecord()
    return true
  }

  /** One walk over the top level finds all that there is to know. */
  #look(start: number, end: number): void {
    const members = this.#members
    const isThereCounts = !this.#isEnvelope && this.#fields.length > 0
    this.#hasMembers = false
    this.#dates.length = 0
    this.#isThere.fill(false)
    members.enter(start, end)
    this.#open = members.memberEnd
    while (members.next()) {
      this.#hasMembers = true
      if (this.#dateKey !== undefined && members.keyIs(this.#dateKey)) {
        const { memberStart, memberEnd, valueStart, valueEnd } = members
        this.#dates.push({ memberStart, memberEnd, valueStart, valueEnd })
      }
      if (!isThereCounts) continue
      for (const [index, { key }] of this.#fields.entries()) {
        if (members.keyIs(key)) this.#isThere[index] = true
      }
    }
    this.#close = members.memberEnd
  }

  /** Writes all but the closing brace, with dates as text. */
  #writeAsIs(): void {
    let from = this.#open
    for (const { valueStart, valueEnd } of this.#dates) {
      const iso = this.#isoAt(valueStart, valueEnd)
      if (iso === undefined) continue
      this.#writer.copy(this.#bytes, from, valueStart)
      this.#writer.ascii(`"${iso}"`)
      from = valueEnd
    }
    this.#writer.copy(this.#bytes, from, this.#close)
  }

  /** Writes all but the closing brace of the row. */
  #writeEnvelope(): void {
    const writer = this.#writer
    // Of duplicate keys the last one counts, as with JSON.parse.
    const date = this.#dates.at(-1)
    const hasTime = date !== undefined && this.#openWithTime(date)
    if (!hasTime) writer.byte(OPEN_BRACE)
    writer.write(this.#tagMember)
    writer.write(this.#logPrefix)
    if (hasTime) this.#copyWithoutDates()
    else writer.copy(this.#bytes, this.#open, this.#close + 1)
    for (const [index, { key }] of this.#fields.entries()) {
      this.#isThere[index] = hasTime && key.text === this.#settings.timeKey
    }
    this.#hasMembers = true
  }

  /** Writes `{"timestamp":"...",`; nothing, and false, when the value is no time. */
  #openWithTime({ valueStart, valueEnd }: DateMember): boolean {
    const isText = typeAt(this.#bytes, valueStart) === 'string'
    const iso = isText ? undefined : this.#isoAt(valueStart, valueEnd)
    if (!isText && iso === undefined) return false
    this.#writer.byte(OPEN_BRACE)
    this.#writer.write(this.#timePrefix)
    if (iso === undefined) this.#writer.copy(this.#bytes, valueStart, valueEnd)
    else this.#writer.ascii(`"${iso}"`)
    this.#writer.byte(COMMA)
    return true
  }

  /** Copies the record, leaving out each date with one of the commas beside it. */
  #copyWithoutDates(): void {
    const writer = this.#writer
    let from = this.#open + 1
    let hasMembers = false
    const copyUpTo = (end: number) => {
      if (end < from) return
      if (hasMembers) writer.byte(COMMA)
      writer.copy(this.#bytes, from, end)
      hasMembers = true
    }
    writer.byte(OPEN_BRACE)
    for (const { memberStart, memberEnd } of this.#dates) {
      // Up to the comma before the date; a date at the start, or behind another one, has none to copy up to.
      copyUpTo(memberStart - 1)
      from = memberEnd + 1
    }
    copyUpTo(this.#close)
    writer.byte(CLOSE_BRACE)
  }

  #addFields(start: number, end: number, maxBytes: number): boolean {
    const writer = this.#writer
    const place = { cursor: this.#lookUps, start, end }
    for (const [index, field] of this.#fields.entries()) {
      if (this.#isThere[index] === true) continue
      const lengthBefore = writer.bytesCount
      if (this.#hasMembers) writer.byte(COMMA)
      if (field.append(writer, place)) this.#hasMembers = true
      else writer.truncate(lengthBefore)
      if (writer.bytesCount > maxBytes) return false
    }
    return true
  }

  #isoAt(start: number, end: number): string | undefined {
    if (typeAt(this.#bytes, start) !== 'number' || end - start > maxEpochLength) return undefined
    return isoOfEpoch(this.#bytes.toString('latin1', start, end))
  }
}
