import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { onCleanup } from './cleanup.ts'
import { configText } from './sidecar.ts'

const main = fileURLToPath(new URL('../../sidecar/main.ts', import.meta.url))

/** The sidecar as its users run it: a process of its own. Killed after the test if it still lives. */
export class SidecarProcess {
  readonly child: ChildProcess
  readonly url: string
  readonly adminUrl: string
  readonly logLines: string[]
  /** Resolves when the process has ended, however. */
  readonly ended: Promise<unknown>

  private constructor(child: ChildProcess, ports: { port: number; adminPort: number }, logLines: string[]) {
    this.child = child
    this.url = `http://127.0.0.1:${ports.port}`
    this.adminUrl = `http://127.0.0.1:${ports.adminPort}`
    this.logLines = logLines
    this.ended = once(child, 'exit')
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  static async start(
    t: TestContext,
    options: {
      kustoUrl: string
      directory: string
      yaml?: string
      /** Another program than `main.ts`, with words behind its `--config FILE`. */
      script?: string
      words?: readonly string[]
    },
  ): Promise<SidecarProcess> {
    const file = `${options.directory}/sidecar.yaml`
    await writeFile(file, configText(options))
    const words = [options.script ?? main, '--config', file, ...(options.words ?? [])]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    onCleanup(t, () => child.kill('SIGKILL'))
    const logLines: string[] = []
    const ports = await new Promise<{ port: number; adminPort: number }>((resolve, reject) => {
      child.once('exit', (code) =>
        reject(new Error(`the sidecar ended with ${code}:\n${logLines.join('\n')}`)),
      )
      createInterface({ input: child.stdout }).on('line', (line) => {
        logLines.push(line)
        const {
          event,
          port = 0,
          adminPort = 0,
        } = JSON.parse(line) as {
          event?: string
          port?: number
          adminPort?: number
        }
        if (event === 'sidecar.started') resolve({ port, adminPort })
      })
    })
    return new SidecarProcess(child, ports, logLines)
  }

  /** Sends a signal and waits for the end; resolves with the exit code, or the signal that ended it. */
  async stop(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<number | string> {
    const ended = once(this.child, 'exit') as Promise<[number | null, string | null]>
    this.child.kill(signal)
    const [code, endedBy] = await ended
    return code ?? endedBy ?? 'unknown'
  }
}
