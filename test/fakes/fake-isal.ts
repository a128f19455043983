import { constants, deflateRawSync } from 'node:zlib'
import type { IsalLibrary } from '../../sidecar/compress/isal-library.ts'

/**
 * The library as the sidecar sees it, with zlib inside: it reads and writes the struct as igzip_lib.h lays it out, and "addresses" are numbers
 * that it gave away. A call in a thread reads its input when it is let go, as a slow thread would.
 */
export class FakeIsal implements IsalLibrary {
  readonly name = 'fake'
  /** What the next calls return instead of doing anything. */
  failingCode: number | undefined
  /** Whether calls leave the last byte of their input. */
  leavesByte = false
  atOnceCount = 0
  /** Calls that are in a thread. */
  readonly inThread: { readonly stream: Uint8Array; readonly letGo: () => void }[] = []
  readonly #memory: Uint8Array[] = []

  addressOf(bytes: Uint8Array): bigint {
    return BigInt(this.#memory.push(bytes))
  }

  init(stream: Uint8Array): void {
    stream.fill(0, 0, 64)
  }

  deflate(stream: Uint8Array): number {
    this.atOnceCount += 1
    return this.#run(stream)
  }

  deflateAsync(stream: Uint8Array): Promise<number> {
    return new Promise((resolve) => {
      this.inThread.push({ stream, letGo: () => resolve(this.#run(stream)) })
    })
  }

  #run(stream: Uint8Array): number {
    if (this.failingCode !== undefined) return this.failingCode
    const view = new DataView(stream.buffer, stream.byteOffset)
    const at = (offset: number) => this.#memory[Number(view.getBigUint64(offset, true)) - 1] ?? Buffer.of()
    const available = view.getUint32(8, true)
    const input = at(0).subarray(0, this.leavesByte ? available - 1 : available)
    if (view.getUint32(40, true) !== 2 || at(48).length !== view.getUint32(44, true)) return -5
    if (view.getUint16(56, true) !== 0 || view.getUint16(58, true) !== 2) return -7
    const room = view.getUint32(24, true)
    const deflated = deflateRawSync(input, { level: 1, finishFlush: constants.Z_FULL_FLUSH })
    const piece = deflated.length > room ? stored(input) : deflated
    if (piece.length > room) return -1
    at(16).set(piece)
    view.setUint32(8, available - input.length, true)
    view.setUint32(12, input.length, true)
    view.setUint32(28, piece.length, true)
    return 0
  }
}

/** Blocks of bytes as they are, which are less than what does not compress. */
function stored(input: Uint8Array): Buffer {
  const blocks: Uint8Array[] = []
  for (let at = 0; at < Math.max(1, input.length); at += 65_535) {
    const bytes = input.subarray(at, at + 65_535)
    const head = Buffer.alloc(5)
    head.writeUInt16LE(bytes.length, 1)
    head.writeUInt16LE(0xffff ^ bytes.length, 3)
    blocks.push(head, bytes)
  }
  return Buffer.concat(blocks)
}
