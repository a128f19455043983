/** What a process has cost so far, by /proc of Linux. */
import { readdir, readFile } from 'node:fs/promises'

/** User and system time of all its threads. */
export async function cpuSeconds(pid: number): Promise<number> {
  return ticksOf(await readFile(`/proc/${pid}/stat`, 'latin1')) / 100
}

/** The same by the name of the thread, to see where the time goes. */
export async function cpuSecondsByThread(pid: number): Promise<Record<string, number>> {
  const seconds: Record<string, number> = {}
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const line = await readFile(`/proc/${pid}/task/${thread}/stat`, 'latin1')
    const name = line.slice(line.indexOf('(') + 1, line.lastIndexOf(')'))
    seconds[name] = (seconds[name] ?? 0) + ticksOf(line) / 100
  }
  return seconds
}

/** User and system time in ticks of 1/100 s, the 14th and 15th field of the line; the second, a name, may hold anything. */
function ticksOf(line: string): number {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** `VmRSS` is what it takes now, `VmHWM` the most that it took. */
export async function rssMb(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1')
  const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+)`).exec(status) ?? []
  return (Number(kilobytes) * 1024) / 1e6
}
