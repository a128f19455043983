import type { Compress } from '../core/ports.ts'

/** What deflates. A closed set, so that it can be the label of a metric. */
type Engine = 'isal' | 'zlib'

export interface Compressor {
  readonly engine: Engine
  /** The library behind it, for a person. */
  readonly library: string
  readonly compress: Compress
}
