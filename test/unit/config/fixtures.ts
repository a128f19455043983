import assert from 'node:assert/strict'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'

/** The smallest valid file; two lines, to which lines of `kusto` and sections can be added. */
export const smallest = 'kusto:\n  cluster_url: https://c.kusto.windows.net\n'

/** The lines of the message with which the file is refused. */
export function mistakesIn(text: string, env: Record<string, string | undefined> = {}): string[] {
  try {
    loadConfig(text, 'sidecar.yaml', env)
  } catch (error) {
    assert(error instanceof SidecarError)
    assert.equal(error.code, 'CONFIG_INVALID')
    return error.message.split('\n')
  }
  return assert.fail('the file is accepted')
}
