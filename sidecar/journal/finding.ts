import type { BatchFileKind } from './file-names.ts'

/** Something that a person should know of a file of the journal. */
export type Finding = {
  readonly kind:
    | 'unreadable'
    | 'newer-version'
    | 'header'
    | 'corruption'
    | 'content'
    | 'torn-tail'
    | 'being-written'
    | 'no-seal'
    | 'sending'
    | 'set-aside'
    | 'copy'
    | 'leftover'
    | 'foreign'
  /** Not expected, also not after a crash. */
  readonly isDamage: boolean
  /** What it is and what comes of it, in whole sentences. */
  readonly text: string
}

export type Circumstances = {
  readonly kind: BatchFileKind
  /** A sidecar may be writing the file meanwhile. */
  readonly isRunning: boolean
}

/** Frames and records that are whole. */
export type Counts = { readonly frameCount: number; readonly recordCount: number }

export function damage(kind: Finding['kind'], text: string): Finding {
  return { kind, isDamage: true, text }
}

export function note(kind: Finding['kind'], text: string): Finding {
  return { kind, isDamage: false, text }
}

/** For a file that ends in its header. */
export function cutAtBirth({ kind, isRunning }: Circumstances): Finding {
  if (kind !== 'open')
    return damage('header', 'The file ends in its header: something cut it. No record of it is left.')
  if (isRunning) return note('being-written', 'The file is being made.')
  return note(
    'torn-tail',
    'The header of the file is not all there: the process or the machine died when it was made. It never held a record, and the next start removes it.',
  )
}

export function damagedHeader({ kind }: Circumstances, whole: Counts): Finding {
  const what = `The header of the file is damaged, so nobody knows for which table its records are; ${within(whole)} are whole.`
  const then =
    kind === 'corrupt'
      ? 'It was set aside, and nothing of it was delivered.'
      : 'The next start sets it aside as .corrupt and delivers nothing of it.'
  return damage('header', `${what} ${then}`)
}

/** For bytes at the end of an open file that are the beginning of a frame. */
export function tornTail(bytesCount: number, isExactlyOnce: boolean, isRunning: boolean): Finding {
  if (isRunning)
    return note('being-written', `${counted(bytesCount, 'byte')} of a frame that is being written.`)
  const promised = isExactlyOnce
    ? 'Nothing in it was acknowledged, since that waits for the sync of a whole frame.'
    : 'Nothing in it was acknowledged, unless the power was cut: then it is younger than journal.sync_interval_ms.'
  return note(
    'torn-tail',
    `A torn tail of ${counted(bytesCount, 'byte')}: the process or the machine died in the middle of a write, which is expected. ${promised} The next start cuts it off.`,
  )
}

export function noSeal(): Finding {
  return note(
    'no-seal',
    'The file has no seal: its process died before it wrote one, or the disk was full. So its frames are read at each start, and it could not be noticed if whole frames were missing at its end.',
  )
}

/** `isCut`: nothing but missing bytes. */
export function corruption(
  { kind }: Circumstances,
  at: { position: number; fileBytes: number; isCut: boolean },
  before: Counts,
  after: Counts,
): Finding {
  const place = at.isCut
    ? `ends too early, at byte ${at.fileBytes},`
    : `is damaged from byte ${at.position} on`
  const rest = after.frameCount === 0 ? '' : `, and ${within(after)} behind it`
  const what = `The file ${place} (in frame ${before.frameCount}, counted from 0): something changed the disk. ${within(before)} before that are whole${rest}.`
  const then = {
    open: 'The next start delivers them as a new batch and keeps the file as .corrupt.',
    sealed:
      'The sidecar notices it at its next start, or when it uploads the batch: then it delivers them as a new batch and keeps the file as .corrupt.',
    corrupt:
      'It was set aside, and what was whole in it was delivered as a new batch. When the cause is found, remove it.',
  }
  return damage('corruption', `${what} ${then[kind]}`)
}

export function content(sequence: number, position: number, problem: string): Finding {
  return damage(
    'content',
    `Frame ${sequence}, at byte ${position}, is as it was written, but ${problem}. The sidecar does not notice that, and Kusto will refuse the batch. Please report it.`,
  )
}

export function setAside(): Finding {
  return damage(
    'set-aside',
    'The file was set aside as damaged, but nothing is wrong with it now: the disk gave wrong data then. What was whole was delivered; remove the file.',
  )
}

function within({ recordCount, frameCount }: Counts): string {
  return `${counted(recordCount, 'record')} in ${counted(frameCount, 'frame')}`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
