import { request } from 'undici'
import { SidecarError, messageOf } from '../core/errors.ts'
import { shortLine } from './terminal-text.ts'

const answerMaxBytes = 1_000_000

/**
 * Posts JSON to the admin listener of a running sidecar and resolves with its answer. There is no time limit, since a replay answers when
 * it has ended (the `fetch` of Node gives up after 300 s). Rejects with ADMIN_FAILED.
 */
export async function askAdmin(url: string, path: string, body: unknown): Promise<unknown> {
  const { status, text } = await post(new URL(path, url), JSON.stringify(body)).catch((cause: unknown) => {
    const message = `No running sidecar answers at ${url}: ${reasonOf(cause)}. Start it, or say with --admin URL where its admin listener is.`
    throw new SidecarError('ADMIN_FAILED', message, { cause })
  })
  const answer = parsed(text)
  if (status === 200) return answer
  const message = messageIn(answer) ?? 'no reason was given'
  throw new SidecarError(
    'ADMIN_FAILED',
    `The sidecar at ${url} answered ${status}: ${shortLine(message, 1_000)}`,
  )
}

async function post(url: URL, body: string): Promise<{ status: number; text: string }> {
  const response = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const chunks: Buffer[] = []
  let bytesCount = 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    bytesCount += chunk.length
    if (bytesCount > answerMaxBytes) throw new Error('its answer has no end')
    chunks.push(chunk)
  }
  return { status: response.statusCode, text: Buffer.concat(chunks).toString() }
}

/** Of several addresses that refused, the error of undici has no message of its own. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function messageIn(answer: unknown): string | undefined {
  const { error } = (answer ?? {}) as { readonly error?: { readonly message?: unknown } }
  return typeof error?.message === 'string' ? error.message : undefined
}
