/** What the demo prints. Lines are rewritten in place only on a terminal. */

const nameWidth = 46
const cellMaxWidth = 72

export type Progress = ((outcome: string) => void) & { update: (state: string) => void }

/** Says what is under way; the returned function says how it went. */
export function progress(name: string): Progress {
  const line = (text: string) => `${name.padEnd(nameWidth)} ${text}`
  const rewrite = (text: string) => {
    if (process.stdout.isTTY) process.stdout.write(`\r\u001B[K${line(text)}`)
  }
  rewrite('...')
  const finish = (outcome: string) => {
    if (process.stdout.isTTY) process.stdout.write('\r\u001B[K')
    console.log(line(outcome))
  }
  return Object.assign(finish, { update: rewrite })
}

export function printTable(names: readonly string[], rows: readonly (readonly unknown[])[]): void {
  const cells = [names, ...rows].map((row) => row.map(cellText))
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  cells.forEach((row, index) => {
    console.log(
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}`,
    )
    if (index === 0) console.log(`  ${widths.map((width) => '─'.repeat(width)).join('  ')}`)
  })
}

function cellText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > cellMaxWidth ? `${text.slice(0, cellMaxWidth - 1)}…` : text
}
