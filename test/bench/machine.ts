/** Where and of what a run was made: numbers of two machines do not compare. */
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { cpus, release, tmpdir, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'

export type Machine = {
  readonly date: string
  readonly commit: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly ramGb: number
  readonly kernel: string
  /** Of the directory for temporary files, where journals are made. */
  readonly fileSystem: string
}

export async function describeMachine(): Promise<Machine> {
  const processors = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    node: process.version,
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    ramGb: Math.round(totalmem() / 1e9),
    kernel: `${type()} ${release()}`,
    fileSystem: await fileSystemOf(tmpdir()),
  }
}

function commit(): string {
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: fileURLToPath(new URL('.', import.meta.url)) })
      .toString()
      .trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ' with changes')
  } catch {
    return 'unknown'
  }
}

/** The type of the innermost mount that the path is below. */
async function fileSystemOf(path: string): Promise<string> {
  try {
    const mounts = (await readFile('/proc/mounts', 'utf8')).trim().split('\n')
    const fitting = mounts
      .map((line) => line.split(' '))
      .filter(([, place = '']) => place === '/' || path === place || path.startsWith(`${place}/`))
      .toSorted(([, a = ''], [, b = '']) => b.length - a.length)
    return fitting[0]?.[2] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
