import {
  type ByteRange,
  findValue,
  type MemberKey,
  MemberCursor,
  memberKey,
  stringAt,
  typeAt,
} from '../core/json-members.ts'

/** A name has up to 1,024 characters, of which each takes up to 6 bytes for an escape. */
const maxNameBytes = 8_192
const shownBytes = 2_048

type Path = readonly string[]

/** Paths with a number for each; equal paths have the same. */
export class FieldPaths {
  readonly keys: (readonly MemberKey[])[] = []
  readonly #slots = new Map<Path, number>()
  readonly #byText = new Map<string, number>()

  add(path: Path): void {
    const text = JSON.stringify(path)
    const slot = this.#byText.get(text) ?? this.keys.push(path.map(memberKey)) - 1
    this.#byText.set(text, slot)
    this.#slots.set(path, slot)
  }

  slotOf(path: Path): number | undefined {
    return this.#slots.get(path)
  }
}

/** Finds fields of one record after the other, each at most once a record, however many routes ask for it. */
export class FieldReader {
  readonly #paths: FieldPaths
  readonly #cursor: MemberCursor
  #start = 0
  #end = 0
  readonly #found: (ByteRange | 'absent' | 'unknown')[]

  constructor(bytes: Buffer, paths: FieldPaths) {
    this.#paths = paths
    this.#cursor = new MemberCursor(bytes)
    this.#found = paths.keys.map(() => 'unknown')
  }

  get bytes(): Buffer {
    return this.#cursor.bytes
  }

  /** Goes to the record between the offsets. */
  enter(start: number, end: number): void {
    this.#start = start
    this.#end = end
    this.#found.fill('unknown')
  }

  /** Where the value of a field is; `path` must be one of the paths. */
  find(path: Path): ByteRange | undefined {
    const slot = this.#paths.slotOf(path)
    if (slot === undefined) return undefined
    const known = this.#found[slot]
    if (known === 'absent') return undefined
    if (known !== undefined && known !== 'unknown') return known
    const found = findValue(this.#cursor, this.#start, this.#end, this.#paths.keys[slot] ?? [])
    this.#found[slot] = found ?? 'absent'
    return found
  }

  /**
   * The text of a field, or its number as it is written; undefined for anything else, which can be no part of a name. Of a text that is
   * far too long for a name only a part, which is too long as well.
   */
  readonly text = (path: Path): string | undefined => {
    const value = this.find(path)
    if (value === undefined) return undefined
    const { bytes } = this.#cursor
    const type = typeAt(bytes, value.start)
    if (type !== 'string' && type !== 'number') return undefined
    if (value.end - value.start > maxNameBytes) {
      return bytes.toString('latin1', value.start, value.start + shownBytes)
    }
    return type === 'string'
      ? stringAt(bytes, value.start, value.end)
      : bytes.toString('latin1', value.start, value.end)
  }
}
