/** A run as Markdown for people and as JSON for programs. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format } from 'prettier'
import type { Machine } from './machine.ts'
import type { Run } from './runner.ts'
import { judgementsTable, resultsTable, yardsticksTable } from './table.ts'
import { judge } from './targets.ts'

const place = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Writes `RESULTS.md` and `RESULTS.json` beside this file. */
export async function save(run: Run, machine: Machine, command: string): Promise<void> {
  await writeJson(place('RESULTS.json'), run, machine)
  const { cpu, cores, ramGb, kernel, fileSystem, node, date, commit } = machine
  const text = `# Results of the benchmark

Written by \`${command}\`; do not edit. What the rows are, and how to read them, is in [the README of the tests](../README.md).

${date}, commit ${commit}, Node ${node.slice(1)}, ${cpu}, ${cores} cores, ${ramGb} GB of RAM, ${kernel}, ${fileSystem}. The load, the null Kusto and the
sidecar share the cores.

## Targets

${judgementsTable(judge(run.results))}

## Measured

${resultsTable(run.results)}

${run.remarks.join('\n')}

## Yardsticks

What nobody can do without on Node alone, in CPU seconds a GB of NDJSON, the mean of before and after the rows.

${yardsticksTable(run.yardsticks)}
`
  await writeFile(place('RESULTS.md'), await format(text, { parser: 'markdown' }))
}

export async function writeJson(path: string, run: Run, machine: Machine): Promise<void> {
  const { results, yardsticks, remarks } = run
  const content = {
    machine,
    yardsticks: Object.fromEntries(yardsticks),
    results,
    targets: judge(results),
    remarks,
  }
  const rounded = JSON.stringify(content, (_, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : value,
  )
  await writeFile(path, await format(rounded, { parser: 'json', printWidth: 110 }))
}
