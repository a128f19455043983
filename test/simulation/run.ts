/** `npm run test:simulation -- --minutes N`: as many schedules as fit into that time, from one seed on; prints what was simulated. */
import { parseArgs } from 'node:util'
import { simulate, type Guarantee, type Outcome } from './simulate.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } },
})
const first = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const guarantees: readonly Guarantee[] = ['at_least_once', 'exactly_once']
const endsAtMs = performance.now() + Number(values.minutes) * 60_000

let schedules = 0
const totals = new Map<string, number>()

function count(guarantee: Guarantee, outcome: Outcome): void {
  for (const [name, value] of Object.entries(outcome)) {
    if (typeof value !== 'number') continue
    const key = `${guarantee} ${name}`
    totals.set(key, (totals.get(key) ?? 0) + value)
  }
}

for (let seed = first; performance.now() < endsAtMs; seed += 1) {
  for (const guarantee of guarantees) {
    const outcome = await simulate(seed, guarantee)
    schedules += 1
    count(guarantee, outcome)
    if (outcome.problems.length === 0) continue
    console.error(`SIM_SEED=${seed} ${guarantee}:`, outcome.problems)
    process.exitCode = 1
  }
}
console.log(`${schedules} schedules from seed ${first} on`)
for (const [name, value] of totals) console.log(`${name}: ${value}`)
