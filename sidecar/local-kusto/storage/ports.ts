/**
 * The ports of Azurite, kept in the storage directory: the URLs of blobs stand in messages and in the journals of clients, so a later
 * start must have the same.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StorageService } from './azurite.ts'

type Ports = Readonly<Record<StorageService, number>>

const fileName = 'ports.json'

/** Undefined when the directory is new. */
export function readPorts(directory: string): Ports | undefined {
  const path = join(directory, fileName)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Ports) : undefined
}

export function writePorts(directory: string, ports: Ports): void {
  writeFileSync(join(directory, fileName), `${JSON.stringify(ports)}\n`)
}
