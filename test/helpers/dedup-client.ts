import type { TestContext } from 'node:test'
import { SidecarError } from '../../sidecar/core/errors.ts'
import { type DedupListenerOptions, startDedupListener } from './dedup-listener.ts'
import { RawConnection, rawPost } from './raw-http.ts'

export /** What a request of one record is answered. */
const stored = { records: 1, deadLetters: 0 }
/** What a repetition is answered. */
export const repeated = { records: 0, deadLetters: 0, repeated: true }

/** A listener that remembers requests, and ways to post to it. */
export async function createDedupClient(t: TestContext, options: DedupListenerOptions = {}) {
  const listener = await startDedupListener(t, options)
  const open = () => RawConnection.open(t, listener.port)
  /** Posts on a connection and waits for the answer. */
  const post = async (
    connection: RawConnection,
    body = 'same',
    headers: Record<string, string> = {},
    path = '/',
  ) => {
    connection.write(rawPost(path, body, headers))
    const answer = await connection.answer()
    return answer.status === 200 ? (JSON.parse(answer.body.toString()) as typeof stored) : answer.status
  }
  /** Posts on a connection of its own. */
  const postAnew = async (...args: [body?: string, headers?: Record<string, string>, path?: string]) =>
    post(await open(), ...args)
  const refuse = () => Promise.reject(new SidecarError('JOURNAL_FULL', 'full'))
  return { ...listener, open, post, postAnew, refuse }
}
