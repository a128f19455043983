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
  readonly logLines: string[]

  private constructor(child: ChildProcess, url: string, logLines: string[]) {
    this.child = child
    this.url = url
    this.logLines = logLines
  }

  static async start(
    t: TestContext,
    options: { kustoUrl: string; directory: string; yaml?: string },
  ): Promise<SidecarProcess> {
    const file = `${options.directory}/sidecar.yaml`
    await writeFile(file, configText(options))
    const child = spawn(process.execPath, [main, '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] })
    onCleanup(t, () => child.kill('SIGKILL'))
    const logLines: string[] = []
    const url = await new Promise<string>((resolve, reject) => {
      child.once('exit', (code) =>
        reject(new Error(`the sidecar ended with ${code}:\n${logLines.join('\n')}`)),
      )
      createInterface({ input: child.stdout }).on('line', (line) => {
        logLines.push(line)
        const { event, port } = JSON.parse(line) as { event?: string; port?: number }
        if (event === 'sidecar.started') resolve(`http://127.0.0.1:${port}`)
      })
    })
    return new SidecarProcess(child, url, logLines)
  }

  /** Sends a signal and waits for the end; resolves with the exit code, or the signal that ended it. */
  async stop(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<number | string> {
    const ended = once(this.child, 'exit') as Promise<[number | null, string | null]>
    this.child.kill(signal)
    const [code, endedBy] = await ended
    return code ?? endedBy ?? 'unknown'
  }
}
