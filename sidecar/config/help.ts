import type { CommandName } from './command-options.ts'

export const helpText = `kusto-sidecar takes logs over HTTP from Fluent Bit and Vector and ingests them into Azure Data Explorer.

Usage:
  kusto-sidecar [run] --config FILE    start, with the configuration in FILE
  kusto-sidecar [run]                  start with an embedded local Kusto, to try it out
  kusto-sidecar dead-letter list       count what could not be delivered, by destination and error
  kusto-sidecar dead-letter show       show the newest dead letters
  kusto-sidecar dead-letter replay     send dead letters through the running sidecar again
  kusto-sidecar journal inspect        show what waits in the journal
  kusto-sidecar journal verify         read all of the journal and say what is damaged
  kusto-sidecar --help                 show this text; with a command: its options
  kusto-sidecar --version              show the version

A file needs one key; sidecar/config/REFERENCE.md has all of them:
  kusto:
    cluster_url: https://mycluster.westeurope.kusto.windows.net

Exit codes: 0 stopped as asked or done, 78 a mistake in the configuration or on this command line, 1 anything else.`

const filterHelp = `Which letters (all of them without a filter):
  --code CODE           with this error code, such as DECODE_NOT_JSON
  --destination NAME    with this destination, as "dead-letter list" shows it
  --since TIME          kept at this time or later
  --until TIME          kept at this time or before
  TIME is ISO 8601 (UTC unless it has a zone), such as 2026-01-02T03:04:05Z, or 30m, 2h, 7d for so long ago.`

const sourceHelp = `Where the letters are (one of them is needed):
  --config FILE         in the directory that this configuration names (dead_letter.directory)
  --dir DIR             in this directory`

const listHelp = `kusto-sidecar dead-letter list counts the records and bodies that could not be delivered, by destination and error code.
It only reads files; the sidecar may be running or not.

${sourceHelp}

${filterHelp}

Form:
  --json                one JSON object`

const showHelp = `kusto-sidecar dead-letter show shows dead letters one by one, the newest last. It only reads files.

${sourceHelp}

${filterHelp}
  --limit N             the newest N of them (default 10)

Form:
  --full                whole records; without it each is cut at 4 KB
  --json                one JSON object a line, as in the file, with the whole record`

const replayHelp = `kusto-sidecar dead-letter replay sends dead letters through the running sidecar again, and removes those that were taken.
A record that is refused again becomes a new dead letter.

Where the sidecar is (one of them is needed):
  --config FILE         at server.admin_listen of this configuration
  --admin URL           at this address, such as http://127.0.0.1:8081

${filterHelp}
  --limit N             the oldest N of them

What is done:
  --to DATABASE/TABLE   send them there instead of where they were to go; needed for letters of an earlier version
  --dry-run             only count what would be sent; reads the files of --config FILE or --dir DIR
  --json                one JSON object with the result

Exit codes: 0 when every selected letter was taken and none is dead again, 1 when not, 78 for a mistake.`

const journalSourceHelp = `Where the journal is (one of them is needed):
  --config FILE         in the directory that this configuration names (journal.directory)
  --dir DIR             in this directory

Form:
  --json                one JSON object`

const inspectHelp = `kusto-sidecar journal inspect shows the batches in a journal: for which table, how much, how old, and what was last sent.
It only reads files; the sidecar may be running or not. Records are not shown.

${journalSourceHelp}

Exit codes: 0 done, 78 for a mistake, 1 anything else.`

const verifyHelp = `kusto-sidecar journal verify reads every file of a journal whole, checks it, and says what is damaged and what comes of it.
It only reads files; the sidecar may be running or not. Records are not shown. What a crash leaves is no damage.

${journalSourceHelp}

Exit codes: 0 when all is whole, 1 when something is damaged or cannot be read, 78 for a mistake.`

const helpTexts: Readonly<Record<CommandName, string>> = {
  run: helpText,
  'dead-letter': `kusto-sidecar dead-letter list | show | replay: what could not be delivered.

${listHelp}

${showHelp}

${replayHelp}`,
  journal: `kusto-sidecar journal inspect | verify: what waits to be delivered.

${inspectHelp}

${verifyHelp}`,
  'journal inspect': inspectHelp,
  'journal verify': verifyHelp,
  'dead-letter list': listHelp,
  'dead-letter show': showHelp,
  'dead-letter replay': replayHelp,
}

export function helpOf(command: CommandName): string {
  return helpTexts[command]
}
