import type { TestContext } from 'node:test'
import type { LocalKusto } from '../../sidecar/local-kusto/local-kusto.ts'
import { freePort } from '../helpers/free-port.ts'
import { startKusto } from '../helpers/local-kusto.ts'
import { SidecarProcess } from '../helpers/sidecar-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { wholeRecord } from './records.ts'

/** A local Kusto and a sidecar process that can die and come back on the same port and journal. */
export class Rig {
  readonly kusto: LocalKusto
  readonly directory: string
  readonly port: number
  readonly #t: TestContext
  readonly #yaml: string
  #sidecar: SidecarProcess | undefined

  private constructor(t: TestContext, kusto: LocalKusto, directory: string, port: number, yaml: string) {
    this.#t = t
    this.kusto = kusto
    this.directory = directory
    this.port = port
    this.#yaml = yaml
  }

  /**
   * With these tables, each with one column for the whole record, and this YAML for the sidecar, which is not started yet. In it, DIRECTORY
   * and PORT stand for those of the rig; a `server` section of a test's own needs the port, or Fluent Bit posts to nobody.
   */
  static async create(t: TestContext, tables: readonly string[], yaml = ''): Promise<Rig> {
    const kusto = await startKusto(t, {
      databases: { Logs: Object.fromEntries(tables.map((table) => [table, wholeRecord])) },
    })
    return new Rig(t, kusto, await temporaryDirectory(t), await freePort(), yaml)
  }

  async startSidecar(): Promise<SidecarProcess> {
    const given = new Set([...this.#yaml.matchAll(/^(\w+):/gm)].map((match) => match[1]))
    const sections: Record<string, string> = {
      server: `server: { listen: "127.0.0.1:${this.port}" }`,
      write: 'write: { batch_interval_ms: 300, ingestion_mapping_ref: whole }',
      retry: 'retry: { base_interval_ms: 50, max_interval_ms: 500 }',
    }
    const rest = Object.entries(sections).flatMap(([name, text]) => (given.has(name) ? [] : [text]))
    this.#sidecar = await SidecarProcess.start(this.#t, {
      kustoUrl: this.kusto.clusterUrl,
      directory: this.directory,
      yaml: [...rest, this.#yaml]
        .join('\n')
        .replaceAll('DIRECTORY', this.directory)
        .replaceAll(':PORT"', `:${this.port}"`),
    })
    return this.#sidecar
  }

  /** kill -9, as the out-of-memory killer does it. */
  async killSidecar(): Promise<void> {
    await this.#sidecar?.stop('SIGKILL')
  }

  /** SIGTERM, as a supervisor does it; resolves with the exit code. */
  async stopSidecar(): Promise<number | string | undefined> {
    return this.#sidecar?.stop('SIGTERM')
  }

  /** The lines of the sidecar that runs now, parsed. */
  get sidecarLog(): Record<string, unknown>[] {
    return (this.#sidecar?.logLines ?? []).map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}
