/** The work that nobody can do without on Node alone: checking that records are JSON, and deflating them at level 1. */
import { deflateRawSync, gunzipSync, gzipSync } from 'node:zlib'
import { Corpus, type Kind } from './corpus.ts'

/** CPU seconds a GB of NDJSON, on one core. */
export type Yardstick = {
  readonly parse: number
  readonly deflate: number
  /** Of bodies that come compressed, at level 6. */
  readonly inflate: number
}

/** What a sidecar cannot do without for bodies that come compressed, or not. */
export function leastCost({ parse, deflate, inflate }: Yardstick, isCompressed: boolean): number {
  return parse + deflate + (isCompressed ? inflate : 0)
}

export function measureYardstick(kind: Kind, totalBytes: number): Yardstick {
  const corpus = new Corpus(kind, 3)
  const bodies = Array.from({ length: 8 }, () => corpus.body('ndjson', 1e6).bytes)
  const compressed = bodies.map((body) => gzipSync(body, { level: 6 }))
  const time = (work: (place: number) => void): number => {
    let bytes = 0
    const cpu = process.cpuUsage()
    for (let n = 0; bytes < totalBytes; n += 1) {
      const place = n % bodies.length
      work(place)
      bytes += (bodies[place] as Buffer).length
    }
    const { user, system } = process.cpuUsage(cpu)
    return (user + system) / 1e6 / (bytes / 1e9)
  }
  const parse = (place: number) => parseLines(bodies[place] as Buffer)
  for (const place of bodies.keys()) parse(place)
  return {
    parse: time(parse),
    deflate: time((place) => deflateRawSync(bodies[place] as Buffer, deflating)),
    inflate: time((place) => gunzipSync(compressed[place] as Buffer)),
  }
}

const deflating = { level: 1, memLevel: 9, chunkSize: 256 * 1024 }

function parseLines(body: Buffer): void {
  for (let start = 0; start < body.length;) {
    const end = body.indexOf(10, start)
    JSON.parse(body.toString('utf8', start, end))
    start = end + 1
  }
}

/** Of what was measured before and after. */
export function meanOf(measured: readonly Yardstick[]): Yardstick {
  const mean = (key: keyof Yardstick) => measured.reduce((sum, one) => sum + one[key], 0) / measured.length
  return { parse: mean('parse'), deflate: mean('deflate'), inflate: mean('inflate') }
}
