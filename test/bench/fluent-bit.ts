/**
 * The whole chain: a file of log lines, a real Fluent Bit that tails it, the sidecar, the null Kusto. Needs `FLUENT_BIT=/path`.
 *
 * Fluent Bit's own output `azure_kusto` has no row: it fetches its token from `login.microsoftonline.com`, or from the managed identity at
 * 169.254.169.254, and no setting leads that to this machine.
 */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../helpers/free-port.ts'
import { Corpus } from './corpus.ts'
import { NullKusto } from './null-kusto-process.ts'
import { cpuSeconds, rssMb } from './process-cost.ts'
import { Scope } from './scope.ts'
import { Subject, type SubjectSettings } from './subject.ts'

export type ChainOrder = SubjectSettings & {
  /** To nowhere, or as json_lines to the sidecar. */
  readonly output: 'null' | 'sidecar'
  readonly totalRawBytes: number
}

export type Chain = {
  readonly mbPerSecond: number
  /** Of Fluent Bit alone. */
  readonly shipperCpuSecondsPerGb: number
  /** Of the sidecar alone, until the last batch was settled; 0 without it. */
  readonly cpuSecondsPerGb: number
  readonly shipperPeakRssMb: number
  readonly peakRssMb: number
}

export const noAzureKusto =
  "Fluent Bit's own azure_kusto is not measured: the address of its token (login.microsoftonline.com) cannot be set."

export async function measureChain(binary: string, order: ChainOrder): Promise<Chain> {
  await using scope = new Scope()
  const directory = await scope.directory()
  const logFile = join(directory, 'app.log')
  const { records, bytes } = await writeLog(logFile, order.totalRawBytes)
  const subject = order.output === 'sidecar' ? await startSubject(scope, directory, order) : undefined
  const cpuBefore = (await subject?.cpuSeconds()) ?? 0
  const metricsPort = await freePort()
  const configFile = join(directory, 'fluent-bit.yaml')
  await writeFile(configFile, configText(logFile, metricsPort, subject?.port))
  const startedAt = performance.now()
  const words = ['-c', configFile, '-q']
  const shipper = scope.start(() => spawn(binary, words, { stdio: ['ignore', 'ignore', 'inherit'] }))
  const pid = shipper.pid as number
  const deadline = performance.now() + 120_000
  while ((await takenRecords(metricsPort, subject)) < records) {
    if (shipper.exitCode !== null) throw new Error(`Fluent Bit ended with ${shipper.exitCode}`)
    if (performance.now() > deadline) throw new Error('Fluent Bit did not ship all lines within 120 s')
    await pause(50)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const shipperCpu = await cpuSeconds(pid)
  const shipperPeakRssMb = await rssMb(pid, 'VmHWM')
  await subject?.settle(records)
  return {
    mbPerSecond: bytes / 1e6 / seconds,
    shipperCpuSecondsPerGb: shipperCpu / (bytes / 1e9),
    cpuSecondsPerGb: (((await subject?.cpuSeconds()) ?? 0) - cpuBefore) / (bytes / 1e9),
    shipperPeakRssMb,
    peakRssMb: (await subject?.rssMb('VmHWM')) ?? 0,
  }
}

async function startSubject(scope: Scope, directory: string, order: ChainOrder): Promise<Subject> {
  const kusto = await NullKusto.start(scope)
  return Subject.start(scope, directory, kusto.url, order)
}

async function writeLog(path: string, totalBytes: number): Promise<{ records: number; bytes: number }> {
  const corpus = new Corpus('app', 6)
  const file = createWriteStream(path)
  let records = 0
  let bytes = 0
  while (bytes < totalBytes) {
    const body = corpus.distinctBody('ndjson', 1e6)
    records += body.records.length
    bytes += body.rawBytes
    file.write(body.bytes)
  }
  file.end()
  await finished(file)
  return { records, bytes }
}

/** JSON is YAML. */
function configText(logFile: string, metricsPort: number, sidecarPort: number | undefined): string {
  const http = {
    name: 'http',
    match: '*',
    host: '127.0.0.1',
    port: sidecarPort,
    uri: '/ingest/Bench/App',
    format: 'json_lines',
    json_date_key: 'date',
    workers: 1,
  }
  const tail = { name: 'tail', path: logFile, read_from_head: true, parser: 'lines', tag: 'app' }
  return JSON.stringify({
    service: {
      flush: 1,
      log_level: 'warn',
      http_server: true,
      http_listen: '127.0.0.1',
      http_port: metricsPort,
    },
    parsers: [{ name: 'lines', format: 'json' }],
    pipeline: { inputs: [tail], outputs: [sidecarPort === undefined ? { name: 'null', match: '*' } : http] },
  })
}

async function takenRecords(metricsPort: number, subject: Subject | undefined): Promise<number> {
  if (subject !== undefined) return subject.metric('sidecar_decode_records_total')
  try {
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/api/v1/metrics`)
    const { output } = (await answer.json()) as { output: Record<string, { proc_records: number }> }
    return output['null.0']?.proc_records ?? 0
  } catch {
    // It does not listen yet.
    return 0
  }
}
