/** A small encoder for the block format of snappy: greedy, with literals and all three kinds of copies. */
export function encodeSnappy(input: Buffer): Buffer {
  const parts = [varint(input.length)]
  const seen = new Map<string, number>()
  let literalStart = 0
  let offset = 0
  while (offset < input.length) {
    const key = input.toString('latin1', offset, offset + 4)
    const earlier = key.length === 4 ? seen.get(key) : undefined
    if (key.length === 4) seen.set(key, offset)
    if (earlier === undefined) {
      offset += 1
      continue
    }
    const length = matchLength(input, earlier, offset)
    parts.push(literal(input.subarray(literalStart, offset)), copy(offset - earlier, length))
    offset += length
    literalStart = offset
  }
  parts.push(literal(input.subarray(literalStart)))
  return Buffer.concat(parts)
}

export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}

/** A literal with the shortest possible length field; nothing for no bytes. */
export function literal(bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes
  const last = bytes.length - 1
  if (last < 60) return Buffer.concat([Buffer.from([last << 2]), bytes])
  const lengthBytes = last < 0x100 ? 1 : last < 0x10000 ? 2 : 3
  const head = Buffer.alloc(1 + lengthBytes, (59 + lengthBytes) << 2)
  head.writeUIntLE(last, 1, lengthBytes)
  return Buffer.concat([head, bytes])
}

/** A copy of up to 64 bytes, in the shortest form. */
export function copy(offset: number, length: number): Buffer {
  if (length >= 4 && length < 12 && offset < 2048)
    return Buffer.from([((offset >> 8) << 5) | ((length - 4) << 2) | 1, offset & 0xff])
  const offsetBytes = offset < 0x10000 ? 2 : 4
  const head = Buffer.alloc(1 + offsetBytes, ((length - 1) << 2) | (offsetBytes === 2 ? 2 : 3))
  head.writeUIntLE(offset, 1, offsetBytes)
  return head
}

function matchLength(input: Buffer, earlier: number, offset: number): number {
  let length = 4
  while (length < 64 && offset + length < input.length && input[earlier + length] === input[offset + length])
    length += 1
  return length
}
