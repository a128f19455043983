import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { TestContext } from 'node:test'
import { onCleanup } from './cleanup.ts'
import { waitFor } from './wait.ts'

const execFileAsync = promisify(execFile)

/** The real Fluent Bit that tests may run, or undefined. It is no dependency of this project. */
export const fluentBitBinary: string | undefined = process.env['FLUENT_BIT'] || undefined

/** What a reader of a skipped run has to know. */
export const howToGetFluentBit =
  'SKIPPED: the end-to-end tests need a real Fluent Bit (5.1.1 is what they were written for), and FLUENT_BIT does not name one. ' +
  'Install it from https://docs.fluentbit.io, then run: FLUENT_BIT=/opt/fluent-bit/bin/fluent-bit npm run test:e2e'

type Options = {
  /** The configuration; its ending decides the format. */
  readonly file: string
  readonly env?: Readonly<Record<string, string>>
}

/** A Fluent Bit process. Killed after the test if it still lives. */
export class FluentBit {
  readonly child: ChildProcess
  /** What it said, on both of its outputs. */
  readonly lines: string[] = []

  private constructor(child: ChildProcess) {
    this.child = child
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.lines.push(line))
    }
  }

  /** Resolves when its engine runs; rejects with what it said when it ends instead. */
  static async start(t: TestContext, { file, env = {} }: Options): Promise<FluentBit> {
    const child = spawn(binary(), ['-c', file], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onCleanup(t, () => child.kill('SIGKILL'))
    const fluentBit = new FluentBit(child)
    await waitFor('Fluent Bit to start', () => {
      if (child.exitCode !== null) throw new Error(`Fluent Bit ended:\n${fluentBit.lines.join('\n')}`)
      return fluentBit.lines.some((line) => line.includes('[engine] Shutdown Grace Period'))
    })
    return fluentBit
  }

  /** Its lines that speak of warnings and errors. */
  get troubles(): string[] {
    return this.lines.filter((line) => /\[ ?(?:warn|error)\]/.test(line))
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    await ended
  }
}

/** What `fluent-bit --dry-run` says about a configuration; rejects when it finds a mistake. */
export async function dryRun({ file, env = {} }: Options): Promise<string> {
  const { stdout, stderr } = await execFileAsync(binary(), ['--dry-run', '-c', file], {
    env: { ...process.env, ...env },
    timeout: 20_000,
  })
  return `${stdout}${stderr}`
}

function binary(): string {
  if (fluentBitBinary === undefined) throw new Error(howToGetFluentBit)
  return fluentBitBinary
}
