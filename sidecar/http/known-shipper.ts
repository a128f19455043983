import type { IncomingMessage } from 'node:http'

/**
 * Whether the sender is one that closes the connection when it gives up on an answer, before it sends the request again. Then an equal request
 * over another connection, while somebody waits on that of the first, is no retry: two inputs of Fluent Bit that read the same line in the
 * same second make equal chunks, and send them in the same millisecond (seen with 5.1.1). Of others nobody knows, so for them equal is
 * equal. Source: `prepare_destroy_conn` of Fluent Bit's flb_upstream.c after an error or a time-out; hyper, which Vector uses, drops
 * the connection of a request that timed out.
 */
export function closesBeforeRetry({ headers }: IncomingMessage): boolean {
  return /^(?:Fluent-Bit|Vector\/)/.test(headers['user-agent'] ?? '')
}
