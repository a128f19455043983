/** What a measurement starts ends with it, also when it fails or is interrupted. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const openScopes = new Set<Scope>()

/** Ends what it was given, last first. */
export class Scope implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack()

  constructor() {
    openScopes.add(this)
    this.#stack.defer(() => void openScopes.delete(this))
  }

  /** A process that is killed at the end. Nothing is started any more once the end has come. */
  start(spawn: () => ChildProcess): ChildProcess {
    if (this.#stack.disposed) throw new Error('the run was interrupted')
    return this.#stack.adopt(spawn(), (child) => stop(child, 'SIGKILL'))
  }

  /** A directory that is removed at the end. */
  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'kusto-sidecar-bench-'))
    this.#stack.defer(() => rm(directory, { recursive: true, force: true }))
    return directory
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

/** From now on a signal to stop ends all scopes, and then the process. */
export function endScopesOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      const endings = [...openScopes].toReversed().map((scope) => scope[Symbol.asyncDispose]())
      void Promise.allSettled(endings).then(() => process.exit(130))
    })
  }
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** The next message of a process; rejects when it ends before. */
export async function messageOf<Message>(child: ChildProcess, name: string): Promise<Message> {
  const { promise, resolve, reject } = Promise.withResolvers<Message>()
  const onEnd = () => reject(new Error(`${name} ended before it answered`))
  child.once('message', resolve)
  child.once('exit', onEnd)
  try {
    return await promise
  } finally {
    child.off('message', resolve)
    child.off('exit', onEnd)
  }
}
