import type { Listing } from '../journal/list-journal.ts'
import { oneLine } from './terminal-text.ts'

/** What both commands on a journal begin with. */
export type JournalPlace = {
  readonly directory: string
  readonly listing: Listing
  readonly json: boolean
}

/** One line on whose journal it is, and whether it is in use. */
export function placeText({ directory, listing }: JournalPlace): string {
  const { writer, writerProblem, isRunning } = listing
  const whose =
    writer === undefined
      ? writerProblem === undefined
        ? 'no writer yet'
        : 'unknown writer'
      : `writer ${writer.writer}, epoch ${writer.epoch}${writer.isCopy ? ', a copy of another directory' : ''}`
  const use =
    isRunning === undefined
      ? 'not known whether a sidecar uses it'
      : isRunning
        ? 'in use by a running sidecar'
        : 'no sidecar uses it'
  return `Journal ${oneLine(directory)}: ${whose}; ${use}.`
}

/** The same for machines. */
export function placeJson({ directory, listing }: JournalPlace): object {
  const { writer, isRunning } = listing
  return {
    directory,
    writer: writer?.writer ?? null,
    epoch: writer?.epoch ?? null,
    isCopy: writer?.isCopy ?? null,
    isRunning: isRunning ?? null,
  }
}
