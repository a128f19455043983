/** Real requests of a Fluent Bit 5.1.1, replayed byte for byte. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'

export type Recorded = {
  readonly name: string
  readonly what: string
  readonly records: number
}

/** What the demo posts, in this order. All go to `/ingest/logs`. */
export const recorded: readonly Recorded[] = [
  { name: 'json-lines', what: 'format json_lines', records: 400 },
  { name: 'json-lines.gzip.basic-auth', what: 'format json_lines, compress gzip', records: 400 },
  { name: 'json-array', what: 'format json (an array)', records: 400 },
  { name: 'default-format', what: 'no format set, date as a double', records: 400 },
  { name: 'kubernetes-record.json-array', what: 'a Kubernetes record, format json', records: 1 },
  { name: 'kubernetes-record.json-stream', what: 'a Kubernetes record, format json_stream', records: 1 },
  { name: 'json-stream.zstd', what: 'format json_stream, compress zstd', records: 400 },
  { name: 'default-format.snappy', what: 'no format set, compress snappy', records: 400 },
  { name: 'kubernetes-record.msgpack.gzip', what: 'a Kubernetes record, msgpack, gzip', records: 1 },
]

const directory = new URL('../wire/fluent-bit-5.1.1/', import.meta.url)

export type Answer = { readonly status: number; readonly body: string; readonly sentBytes: number }

/** Writes the recorded bytes to a plain socket and reads the answer. */
export async function replay({ name }: Recorded, host: string, port: number): Promise<Answer> {
  const request = await readFile(new URL(`${name}.http`, directory))
  const socket = connect(port, host)
  try {
    await once(socket, 'connect')
    socket.write(request)
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    const [head = '', body = ''] = chunk.toString('utf8').split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), body, sentBytes: request.length }
  } finally {
    socket.destroy()
  }
}
