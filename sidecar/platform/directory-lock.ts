import { once } from 'node:events'
import { link, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import type { DirectoryLock } from '../core/ports.ts'
import { SidecarError, systemCodeOf } from '../core/errors.ts'

/**
 * Takes a directory for this process by a listening Unix socket in it, `lock.sock`.
 *
 * The kernel closes the socket when its owner dies, however it dies, so a lock is never left behind by kill -9, and process
 * ids (which mean nothing across containers that share a volume) are not needed: whoever can connect knows that the owner
 * lives. The socket is made under a name of its own and then linked, because linking fails when the lock exists.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const handle = await open(directory, 'r')
  const base = shortPath(directory, handle)
  const lockPath = `${base}/lock.sock`
  const ownPath = `${base}/lock.${randomBytes(4).toString('hex')}`
  const server = createServer((socket) => socket.destroy())
  server.unref()
  try {
    server.listen(ownPath)
    await once(server, 'listening')
    await takeName(ownPath, lockPath, directory)
  } catch (error) {
    server.close()
    await handle.close()
    throw error
  } finally {
    await unlink(ownPath).catch(() => undefined)
  }
  return {
    async release() {
      await unlink(lockPath).catch(() => undefined)
      server.close()
      await handle.close()
    },
  }
}

/** Whether a living process has the directory. Only looks. */
export async function isDirectoryLocked(directory: string): Promise<boolean> {
  const handle = await open(directory, 'r')
  try {
    return await isAlive(`${shortPath(directory, handle)}/lock.sock`)
  } finally {
    await handle.close()
  }
}

/** The address of a Unix socket holds about 100 bytes; through /proc a directory of any length can be reached. */
function shortPath(directory: string, handle: FileHandle): string {
  return resolve(directory).length < 60 ? resolve(directory) : `/proc/self/fd/${handle.fd}`
}

async function takeName(ownPath: string, lockPath: string, directory: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      await link(ownPath, lockPath)
      return
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw error
    }
    if (await isAlive(lockPath)) break
    await moveStaleAway(lockPath)
  }
  throw new SidecarError(
    'JOURNAL_LOCKED',
    `The journal directory ${directory} is in use by another running sidecar. Stop that one, or give this one a directory of its own in journal.directory.`,
  )
}

/** Between the check and this rename another starter may have put its own lock there: then it is put back. */
async function moveStaleAway(lockPath: string): Promise<void> {
  const aside = `${lockPath}.${randomBytes(4).toString('hex')}`
  try {
    await rename(lockPath, aside)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return
    throw error
  }
  if (await isAlive(aside)) await link(aside, lockPath).catch(() => undefined)
  await unlink(aside).catch(() => undefined)
}

async function isAlive(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return false
    throw error
  } finally {
    socket.destroy()
  }
}
