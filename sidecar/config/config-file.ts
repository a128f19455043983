import { readFile } from 'node:fs/promises'
import { SidecarError, messageOf } from '../core/errors.ts'
import type { Config } from './config.ts'
import { loadConfig } from './load.ts'

/** Reads and checks a configuration file. Throws SidecarError CONFIG_UNREADABLE, or CONFIG_INVALID as `loadConfig` does. */
export async function readConfigFile(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Config> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SidecarError('CONFIG_UNREADABLE', `${path} cannot be read: ${messageOf(cause)}`, { cause })
  })
  return loadConfig(text, path, env)
}
