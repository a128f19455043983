import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url))

/** Not written here, or made by a run. */
const skipped = new Set(['node_modules', '.git', 'dist', 'wire', 'kusto-sidecar-data'])

export type ProjectFile = {
  /** From the root of the project, with slashes. */
  readonly path: string
  readonly text: string
}

/** Every file below a folder of the project whose name ends with one of `endings`, in the order of the paths. */
export function projectFiles(folder: string, ...endings: string[]): ProjectFile[] {
  const files: ProjectFile[] = []
  for (const entry of readdirSync(`${projectRoot}${folder}`, { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (skipped.has(entry.name)) continue
    if (entry.isDirectory()) files.push(...projectFiles(path, ...endings))
    else if (endings.some((ending) => entry.name.endsWith(ending))) {
      files.push({ path, text: readFileSync(`${projectRoot}${path}`, 'utf8') })
    }
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
