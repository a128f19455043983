import { Encoder, ExtensionCodec } from '@msgpack/msgpack'

/** A time as Fluent Bit writes it: extension 0 with seconds and nanoseconds. */
export class EventTime {
  readonly seconds: number
  readonly nanos: number

  constructor(seconds: number, nanos = 0) {
    this.seconds = seconds
    this.nanos = nanos
  }
}

/** A value of another extension type than 0. */
export class Extension {
  readonly data: Uint8Array

  constructor(data: Uint8Array) {
    this.data = data
  }
}

export const groupStart = new EventTime(0xff_ff_ff_ff)
export const groupEnd = new EventTime(0xff_ff_ff_fe)

const extensionCodec = new ExtensionCodec()
extensionCodec.register({
  type: 0,
  encode: (value) => {
    if (!(value instanceof EventTime)) return null
    const data = Buffer.alloc(8)
    data.writeUInt32BE(value.seconds, 0)
    data.writeUInt32BE(value.nanos, 4)
    return data
  },
  decode: () => null,
})
extensionCodec.register({
  type: 5,
  encode: (value) => (value instanceof Extension ? value.data : null),
  decode: () => null,
})

/** Values as msgpack, one after the other. */
export function msgpackOf(...values: readonly unknown[]): Buffer {
  const encoder = new Encoder({ extensionCodec, useBigInt64: true })
  return Buffer.concat(values.map((value) => encoder.encode(value)))
}

/** An event as Fluent Bit writes it since its version 2.1. */
export function fluentEvent(
  record: unknown,
  metadata: unknown = {},
  time: unknown = new EventTime(0),
): Buffer {
  return msgpackOf([[time, metadata], record])
}
