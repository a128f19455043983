import { crc32 } from 'node:zlib'
import type { Clock, FileSystem } from '../core/ports.ts'
import { SidecarError, codeOf, messageOf, systemCodeOf } from '../core/errors.ts'
import { linesOfFile } from './letter-files.ts'
import { isSelected } from './letter-filter.ts'
import { LineParser } from './line-parser.ts'
import type { ReplayFilter } from './replay-filter.ts'
import { type ReplayedLetter, replayedLetter } from './replayed-letter.ts'
import { unreadable } from './read-letters.ts'
import type { ReadPart } from './rewrite-file.ts'

/**
 * Sends a letter through the pipeline again. Resolves when its records are safe, with how many of them became dead letters again.
 * A rejection leaves the letter where it is, unless its bytes were kept as a new dead letter before.
 */
export type Take = (letter: ReplayedLetter) => Promise<{ readonly deadLetters: number }>

/** What became of the selected letters. */
export type ReplayResult = {
  /** Taken, and gone from the dead letters. */
  readonly replayed: number
  /** Taken, and back among the dead letters, wholly or with a part of their records. */
  readonly deadAgain: number
  /** Not taken; they stay as they are. */
  readonly skipped: number
  /** Why the first of these was not taken. */
  readonly skippedBecause?: string
  /** Lines that cannot be read; they stay as they are. */
  readonly damagedLines: number
  /** Why the replay ended before all letters were tried. */
  readonly stoppedBecause?: { readonly code: string; readonly message: string }
}

export type ReplayOptions = {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly directory: string
  readonly filter: ReplayFilter
  readonly take: Take
  /** How long after `take` resolved its records survive a power cut. */
  readonly takenIsDurableAfterMs: number
  /** Takes lines out of a file. */
  readonly removeLines: (name: string, part: ReadPart) => Promise<void>
}

/** Enough that one write of the journal serves many letters. */
const maxInFlight = 256
const maxInFlightBytes = 16 * 1024 * 1024
/** So many places of taken letters are remembered before their files are waited for. */
const maxTaken = 500_000

/** Letters of a file that were taken, and when they are durable on the other side, by the monotonic clock. */
type Taken = { readonly name: string; readonly part: ReadPart; readonly durableAtMs: number }

/** One pass over files that nobody writes to. */
export class Replay {
  readonly #options: ReplayOptions
  readonly #parser = new LineParser()
  readonly #counts = { replayed: 0, deadAgain: 0, skipped: 0, damagedLines: 0 }
  readonly #keptAgain = new WeakSet<Buffer>()
  #triedCount = 0
  #skippedBecause: string | undefined
  #stoppedBecause: ReplayResult['stoppedBecause']
  #inFlight = 0
  #inFlightBytes = 0
  #landed = Promise.withResolvers<void>()
  /** Files with taken letters that wait to be durable elsewhere before they are removed here. */
  #taken: Taken[] = []

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  /** Takes no further letter. What is in work is finished. */
  stop(why: unknown): void {
    this.#stoppedBecause ??= { code: codeOf(why), message: messageOf(why) }
  }

  /** These bytes were kept as a dead letter while the replay ran. */
  noteKept(bytes: Buffer): void {
    this.#keptAgain.add(bytes)
  }

  async run(names: readonly string[]): Promise<ReplayResult> {
    for (const name of names) {
      if (this.#isOver) break
      await this.#removeTaken({ isLast: false })
      await this.#replayFile(name)
    }
    await this.#removeTaken({ isLast: true })
    return {
      ...this.#counts,
      ...(this.#skippedBecause === undefined ? {} : { skippedBecause: this.#skippedBecause }),
      ...(this.#stoppedBecause === undefined ? {} : { stoppedBecause: this.#stoppedBecause }),
    }
  }

  get #isOver(): boolean {
    const { limit = Number.POSITIVE_INFINITY } = this.#options.filter
    return this.#stoppedBecause !== undefined || this.#triedCount >= limit
  }

  async #replayFile(name: string): Promise<void> {
    const { fileSystem, directory, clock, takenIsDurableAfterMs } = this.#options
    const path = `${directory}/${name}`
    const positions = new Set<number>()
    let read = { bytesCount: 0, crc32: 0 }
    try {
      for await (const { bytes, position, kind } of linesOfFile(fileSystem, path)) {
        if (kind === 'torn' || this.#isOver) break
        read = { bytesCount: position + bytes.length, crc32: crc32(bytes, read.crc32) }
        if (kind === 'whole') await this.#replayLine(bytes, () => positions.add(position))
        else if (bytes.at(-1) === 10) this.#counts.damagedLines += 1
      }
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') this.stop(unreadable(path, error))
    }
    while (this.#inFlight > 0) await this.#landed.promise
    if (positions.size === 0) return
    const durableAtMs = clock.monotonic() + takenIsDurableAfterMs
    this.#taken.push({ name, part: { positions, ...read }, durableAtMs })
  }

  async #replayLine(bytes: Buffer, onTaken: () => void): Promise<void> {
    const { filter } = this.#options
    const line = this.#parser.parse(bytes)
    if (line === undefined) {
      this.#counts.damagedLines += 1
      return
    }
    if (!isSelected(line, filter)) return
    const letter = replayedLetter(line, filter.to)
    if (letter === undefined) {
      this.#skip(
        'An older version kept it without where it came from; say with --to DATABASE/TABLE where it goes.',
      )
      return
    }
    const weight = weightOf(letter)
    const isFull = () =>
      this.#inFlight >= maxInFlight || (this.#inFlight > 0 && this.#inFlightBytes + weight > maxInFlightBytes)
    while (isFull()) await this.#landed.promise
    // While it waited another may have failed in a way that this one would too.
    if (this.#stoppedBecause !== undefined) return
    this.#triedCount += 1
    void this.#take(letter, onTaken)
  }

  /** Never rejects. */
  async #take(letter: ReplayedLetter, onTaken: () => void): Promise<void> {
    const weight = weightOf(letter)
    this.#inFlight += 1
    this.#inFlightBytes += weight
    try {
      const { deadLetters } = await this.#options.take(letter)
      onTaken()
      if (deadLetters > 0) this.#counts.deadAgain += 1
      else this.#counts.replayed += 1
    } catch (error) {
      if (this.#keptAgain.has(letter.bytes)) {
        onTaken()
        this.#counts.deadAgain += 1
      } else this.#skip(messageOf(error))
      const isItsOwnFault = error instanceof SidecarError && error.disposition === 'reject'
      if (!isItsOwnFault) this.stop(error)
    }
    this.#inFlight -= 1
    this.#inFlightBytes -= weight
    this.#landed.resolve()
    this.#landed = Promise.withResolvers()
  }

  #skip(why: string): void {
    this.#counts.skipped += 1
    this.#skippedBecause ??= why
  }

  /** What was taken goes from its file, once it is durable where it is now. */
  async #removeTaken({ isLast }: { readonly isLast: boolean }): Promise<void> {
    const { clock } = this.#options
    for (let next = this.#taken[0]; next !== undefined; next = this.#taken[0]) {
      const waitMs = next.durableAtMs - clock.monotonic()
      const takenCount = this.#taken.reduce((sum, { part }) => sum + part.positions.size, 0)
      if (waitMs > 0 && !isLast && takenCount < maxTaken) return
      if (waitMs > 0) await new Promise<void>((resolve) => void clock.after(waitMs, resolve))
      this.#taken.shift()
      await this.#remove(next)
    }
  }

  async #remove({ name, part }: Taken): Promise<void> {
    try {
      await this.#options.removeLines(name, part)
    } catch (error) {
      const message = `Letters that were replayed could not be taken out of ${name}: ${messageOf(error)}. They are in the pipeline; replayed again, they would be in Kusto twice.`
      this.stop(new SidecarError('DEAD_LETTER_WRITE_FAILED', message, { cause: error }))
    }
  }
}

/** What a letter takes of `maxInFlightBytes`. How large a compressed body becomes is not known, so it goes alone. */
function weightOf({ origin, bytes }: ReplayedLetter): number {
  const isPlain = origin.kind === 'batch' || origin.head.contentEncoding === undefined
  return isPlain ? bytes.length : maxInFlightBytes
}
