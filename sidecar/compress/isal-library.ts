import { endianness } from 'node:os'
import { messageOf, systemCodeOf } from '../core/errors.ts'

/** What is used of Intel ISA-L, of any version with the soname libisal.so.2. `stream` is a `struct isal_zstream`. */
export interface IsalLibrary {
  /** Its name, and its version where it tells one (2.32 and later). */
  readonly name: string
  /** Where bytes are in memory. They stay there as long as something refers to them. */
  addressOf(bytes: Uint8Array): bigint
  /** `isal_deflate_stateless_init` */
  init(stream: Uint8Array): void
  /** `isal_deflate_stateless`, in this thread. Returns its code. */
  deflate(stream: Uint8Array): number
  /**
   * The same in a thread of libuv's pool, as zlib and the file system use it. Nothing here keeps the stream, and what it points at, from being
   * collected: the caller does, until the promise is settled.
   */
  deflateAsync(stream: Uint8Array): Promise<number>
}

/** By soname, which the loader looks up as it does for any program: Debian's libisal2, Alpine's isa-l, Homebrew's isa-l. */
const names: Readonly<Record<string, string>> = { linux: 'libisal.so.2', darwin: 'libisal.2.dylib' }

/** Loads koffi, and by it the library. Rejects with an Error that says what is not there. */
export async function loadIsal(): Promise<IsalLibrary> {
  const name = names[process.platform]
  if (name === undefined) throw new Error(`ISA-L is not looked for on ${process.platform}`)
  const { default: koffi } = await import('koffi').catch((cause: unknown) => {
    const why = systemCodeOf(cause) === 'ERR_MODULE_NOT_FOUND' ? 'is not installed' : messageOf(cause)
    throw new Error(`the optional package koffi: ${why}`, { cause })
  })
  // The layout of the struct that is filled in (see isal-job.ts).
  if (koffi.sizeof('void *') !== 8 || endianness() !== 'LE')
    throw new Error(`ISA-L is used on little-endian machines of 64 bits, and this is ${process.arch}`)
  const library = koffi.load(name)
  const deflate = library.func('isal_deflate_stateless', 'int', ['void *'])
  const init = library.func('isal_deflate_stateless_init', 'void', ['void *'])
  return {
    name: `${name}${versionOf(library)}`,
    addressOf: (bytes) => koffi.address(bytes),
    init: (stream) => void init(stream),
    deflate: (stream) => deflate(stream) as number,
    deflateAsync: (stream) =>
      new Promise((resolve, reject) => {
        deflate.async(stream, (error: unknown, code: number) => {
          if (error === null) resolve(code)
          else reject(new Error(messageOf(error)))
        })
      }),
  }
}

/** A space and the version, or nothing before 2.32. */
function versionOf(library: { func(name: string, result: string, parameters: string[]): () => unknown }) {
  try {
    return ` ${String(library.func('isal_get_version_str', 'const char *', [])())}`
  } catch {
    return ''
  }
}
