/** What `npm run bench` runs. Ends with 1 when a row failed, which speed alone never makes one do. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from './machine.ts'
import { rows } from './rows.ts'
import { runRows } from './runner.ts'
import { save, writeJson } from './save.ts'
import { endScopesOnSignals } from './scope.ts'
import { judgementsTable, resultsTable, yardsticksTable } from './table.ts'
import { judge } from './targets.ts'

const help = `npm run bench -- [options]

  --quick          two minutes: fewer rows, less load
  --only NAME      only the rows whose name contains this; may be given several times
  --list           the names of the rows
  --backlog-gb N   also with so many GB in the journal (needs the room, and twice that time)
  --json FILE      where the numbers go (${join(tmpdir(), 'kusto-sidecar-bench.json')})
  --save           also writes test/bench/RESULTS.md and RESULTS.json

Environment: FLUENT_BIT=/path measures the chain with a real Fluent Bit, BENCH_SIDECAR=/path/main.ts another checkout,
BENCH_LOG=1 shows what the sidecar logs, BENCH_THREADS=1 the CPU time of its threads.
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    'backlog-gb': { type: 'string', default: '0' },
    json: { type: 'string', default: join(tmpdir(), 'kusto-sidecar-bench.json') },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(help)
else if (values.list) for (const { name, about } of rows) console.log(`${name.padEnd(20)} ${about}`)
else await main()

async function main(): Promise<void> {
  endScopesOnSignals()
  const machine = await describeMachine()
  const startedAt = performance.now()
  const run = await runRows({
    isQuick: values.quick,
    only: values.only,
    backlogGb: Number(values['backlog-gb']),
    fluentBit: process.env['FLUENT_BIT'] || undefined,
    onStart: (name) => process.stderr.write(`${name} … `),
    onResult: ({ outcome, note }) => process.stderr.write(`${outcome}${note === '' ? '' : `: ${note}`}\n`),
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  console.log(`\n${resultsTable(run.results)}\n\n${yardsticksTable(run.yardsticks)}\n`)
  console.log(`${judgementsTable(judge(run.results))}\n`)
  for (const remark of run.remarks) console.log(remark)
  await writeJson(values.json, run, machine)
  if (values.save) await save(run, machine, ['npm run bench --', ...process.argv.slice(2)].join(' '))
  console.log(`${seconds} s; the numbers are in ${values.json}${values.save ? ' and in test/bench' : ''}`)
  if (run.results.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1
}
