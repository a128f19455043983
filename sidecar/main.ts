#!/usr/bin/env node
/**
 * The first module, which loads hardly anything: what has to be so before the others are loaded, and then they are.
 */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { listenForStop } from './stop-signal.ts'

/**
 * Nearly all memory of the sidecar is in buffers, which V8 counts but does not see die. With its own rules it would collect all garbage ten times a
 * second under load, for the sake of a heap of 40 MB that hardly changes, and keep 64 MB for new objects. Decision 0021 says what each of these is worth.
 */
const heapFlags = ['--max-semi-space-size=4', '--heap-growing-percent=100', '--expose-gc']

const words = process.argv.slice(2)
const isSidecar = words[0] === undefined || words[0] === 'run' || words[0].startsWith('--config')
if (isSidecar) startAgainWith(heapFlags)
// At once, since a container's first process ignores signals that nobody listens for, and others end without draining.
const stopSignal = listenForStop()
// Not in the directory for temporary files, which is Node's own choice: whoever writes there first could give us code to run. Where
// it cannot be written, as in a read-only container, nothing is lost but time (decision 0020).
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/kusto-sidecar', import.meta.url)))
const { main } = await import('./cli.ts')
await main(stopSignal)

/** V8 reads these only when it starts. The process stays the same one, with its number, its streams and its working directory. */
function startAgainWith(flags: readonly string[]): void {
  // A flag that another version of V8 does not know would end the process.
  if (!process.version.startsWith('v24.')) return
  if (process.execArgv.includes(flags[0] as string) || process.execve === undefined) return
  try {
    const args = [process.execPath, ...flags, ...process.execArgv, ...process.argv.slice(1)]
    process.execve(process.execPath, args, process.env)
  } catch {
    // Windows has no such call. The sidecar works without, and takes more memory and time.
  }
}
