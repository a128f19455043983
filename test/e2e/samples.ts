/** The files that people copy, unchanged: only the environment variables that they name are set. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { dryRun, FluentBit } from '../helpers/fluent-bit.ts'
import { waitFor } from '../helpers/wait.ts'
import { LogFile, tally } from './records.ts'
import { Rig } from './setup.ts'

describe('plugin-config/fluent-bit', () => {
  for (const name of ['fluent-bit.yaml', 'fluent-bit.conf']) {
    const file = fileURLToPath(new URL(`../../plugin-config/fluent-bit/${name}`, import.meta.url))

    it(`${name} has no mistake that Fluent Bit finds`, async () => {
      assert.match(await dryRun({ file }), /configuration test is successful/)
    })

    it(
      `${name} loses nothing when Fluent Bit and the sidecar are killed`,
      { timeout: 120_000 },
      async (t) => {
        const rig = await Rig.create(t, ['App'])
        const log = new LogFile(`${rig.directory}/app.log`, 'sample')
        const env = {
          SIDECAR_HOST: '127.0.0.1',
          SIDECAR_PORT: String(rig.port),
          LOG_FILES: `${rig.directory}/*.log`,
          FLUENT_BIT_STORAGE: `${rig.directory}/storage`,
          FLUENT_BIT_TAIL_DB: `${rig.directory}/tail.db`,
        }
        // The sidecar is away: what is read waits on Fluent Bit's disk, through its death.
        await log.write(200)
        const first = await FluentBit.start(t, { file, env })
        await waitFor('a refused request', () =>
          first.troubles.some((line) => line.includes('failed to flush')),
        )
        await log.write(200)
        await pause(1_500)
        await first.stop('SIGKILL')
        const waiting = await readdir(`${rig.directory}/storage`, { recursive: true })
        assert.ok(
          waiting.some((path) => path.endsWith('.flb')),
          'chunks are on disk',
        )

        await rig.startSidecar()
        const second = await FluentBit.start(t, { file, env })
        await log.write(200)
        await pause(1_200)
        await rig.killSidecar()
        await log.write(200)
        await pause(1_200)
        await rig.startSidecar()

        const counts = await waitFor(
          'every record',
          () => {
            const counted = tally(rig.kusto, 'App', log.ids)
            return counted.missing.length === 0 ? counted : undefined
          },
          60_000,
        ).catch(() => tally(rig.kusto, 'App', log.ids))
        t.diagnostic(`${log.ids.length} written, ${counts.rows} rows, ${counts.duplicates} duplicates`)
        assert.deepEqual([counts.missing, counts.strange], [[], []])
        const [row] = rig.kusto.query('Logs', 'App | project at = todatetime(record.timestamp) | take 1')
        assert.match(String(row?.['at']), /^\d{4}-\d\d-\d\dT/)
        await second.stop('SIGTERM')
        assert.equal(second.child.exitCode, 0)
      },
    )
  }
})
