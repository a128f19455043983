import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { onCleanup } from './cleanup.ts'

/** A new directory that is removed after the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kusto-sidecar-test-'))
  onCleanup(t, () => rm(directory, { recursive: true, force: true }))
  return directory
}
