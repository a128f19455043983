import { hash, timingSafeEqual } from 'node:crypto'

/** Every presented credential is compared with every known one. */
const maxCredentials = 1_000

/** What may be presented: `name:password` for basic, a token for bearer, as bytes. Only digests are kept. */
export class KnownCredentials {
  readonly #bySource = new Map<string, readonly Buffer[]>()
  #all: readonly Buffer[] = []

  /** Replaces the credentials of one source. Throws, and changes nothing, when there are none or too many. */
  set(source: string, credentials: readonly Buffer[]): void {
    if (credentials.length === 0) throw new Error('it holds no credential')
    const others = [...this.#bySource].filter(([name]) => name !== source).flatMap(([, digests]) => digests)
    if (others.length + credentials.length > maxCredentials) {
      throw new Error(`there are more than ${maxCredentials} credentials in all`)
    }
    const digests = credentials.map(digestOf)
    this.#bySource.set(source, digests)
    this.#all = [...others, ...digests]
  }

  /** Takes the same time for every credential of one length: digests are compared, with all, and without an early end. */
  has(presented: Buffer): boolean {
    const digest = digestOf(presented)
    let matches = 0
    for (const known of this.#all) matches += Number(timingSafeEqual(known, digest))
    return matches > 0
  }
}

function digestOf(credential: Buffer): Buffer {
  return hash('sha256', credential, 'buffer')
}

/** The users of a file with a line `name:password` each. Throws an Error with the number of a line that is none. */
export function usersOf(content: Buffer): Buffer[] {
  return linesOf(content).flatMap((line, index) => {
    if (line.trim() === '') return []
    if (line.indexOf(':') < 1) throw new Error(`line ${index + 1} is not of the form name:password`)
    return [Buffer.from(line, 'latin1')]
  })
}

/** The tokens of a file with one on each line. Space around a token does not count, since a header could not carry it. */
export function tokensOf(content: Buffer): Buffer[] {
  return linesOf(content)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'latin1'))
}

const byteOrderMark = Buffer.from('\uFEFF').toString('latin1')

/** As latin1, one character for each byte, so that the bytes are compared as they are sent. */
function linesOf(content: Buffer): string[] {
  const text = content.toString('latin1')
  return (text.startsWith(byteOrderMark) ? text.slice(byteOrderMark.length) : text).split(/\r?\n/)
}

/** What an `Authorization` header presents, or undefined when it is of another scheme. */
export function presentedBy(header: string, scheme: 'basic' | 'bearer'): Buffer | undefined {
  const match = /^(\S+) +(\S.*)$/.exec(header)
  const [, given, value] = match ?? []
  if (given?.toLowerCase() !== scheme || value === undefined) return undefined
  return Buffer.from(value.trimEnd(), scheme === 'basic' ? 'base64' : 'latin1')
}
