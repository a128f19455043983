import { decode } from '../../sidecar/decode/decode.ts'
import { textsOf } from './records.ts'

/** Decodes a text and gives both results as texts. */
export function decodeText(body: string): {
  records: string[]
  rejected: string[]
  reasons: string[]
  codes: string[]
} {
  const { block, rejected } = decode(Buffer.from(body))
  return {
    records: textsOf(block),
    rejected: rejected.map(({ bytes }) => bytes.toString()),
    reasons: rejected.map(({ reason }) => reason),
    codes: rejected.map(({ code }) => code),
  }
}
