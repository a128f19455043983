import type { Decoded, DecodeOptions } from '../../sidecar/core/ports.ts'
import type { RecordSettings } from '../../sidecar/core/record-settings.ts'
import { decode } from '../../sidecar/decode/decode.ts'
import { someRecordSettings } from './batches.ts'
import { textsOf } from './records.ts'

export type DecodingOverrides = Partial<Omit<DecodeOptions, 'records'>> & {
  readonly records?: Partial<RecordSettings>
}

/** Decodes with the default settings, as a body without Content-Type, unless told otherwise. */
export function decodeBody(body: Buffer, { records, ...options }: DecodingOverrides = {}): Decoded {
  return decode(body, {
    contentType: undefined,
    isOtlp: false,
    ...options,
    records: someRecordSettings(records),
  })
}

/** Decodes a text and gives both results as texts. */
export function decodeText(
  body: string,
  overrides?: DecodingOverrides,
): {
  records: string[]
  rejected: string[]
  reasons: string[]
  codes: string[]
} {
  const { block, rejected } = decodeBody(Buffer.from(body), overrides)
  return {
    records: textsOf(block),
    rejected: rejected.map(({ bytes }) => bytes.toString()),
    reasons: rejected.map(({ reason }) => reason),
    codes: rejected.map(({ code }) => code),
  }
}
