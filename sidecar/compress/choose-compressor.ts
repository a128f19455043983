import { SidecarError, messageOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Compressor } from './compressor.ts'
import { IsalCompressor } from './isal-compressor.ts'
import { loadIsal } from './isal-library.ts'
import { selfTest } from './self-test.ts'
import { zlibCompressor } from './zlib-compressor.ts'

export type ChooseOptions = {
  /** `journal.compression` */
  readonly compression: 'auto' | 'isal' | 'zlib'
  readonly log: Log
  readonly metrics: Metrics
  /** Rejects with an Error when ISA-L cannot be used. Given in tests. */
  readonly openIsal?: () => Promise<Compressor>
}

const advice =
  'Install the library (Debian and Ubuntu: apt-get install libisal2; Alpine: apk add isa-l) and the optional package koffi (npm ci without --omit=optional)'

/**
 * The engine that deflates records from now on, which is told once, in the log and in a metric. For `auto` that is ISA-L when it is there and
 * deflates known bytes rightly. Rejects with COMPRESSION_UNAVAILABLE when `isal` is demanded and cannot be used.
 */
export async function chooseCompressor(options: ChooseOptions): Promise<Compressor> {
  const { compressor, why } = await choose(options)
  const { engine, library } = compressor
  options.metrics.compressionInfo.set({ engine }, 1)
  options.log.info(
    { event: 'compression.chosen', engine, library, why },
    why === undefined
      ? `Records are compressed by ${library}.`
      : `Records are compressed by ${library}, since ISA-L, which takes a third of the CPU, cannot be used: ${why}. ${advice}.`,
  )
  return compressor
}

type Choice = { readonly compressor: Compressor; readonly why?: string }

async function choose({ compression, openIsal = openTheLibrary }: ChooseOptions): Promise<Choice> {
  if (compression === 'zlib') return { compressor: zlibCompressor }
  try {
    const compressor = await openIsal()
    await selfTest(compressor)
    return { compressor }
  } catch (error) {
    const why = messageOf(error)
    if (compression === 'auto') return { compressor: zlibCompressor, why }
    const message = `journal.compression is isal, and ISA-L cannot be used: ${why}. ${advice}, or set journal.compression to auto or zlib.`
    throw new SidecarError('COMPRESSION_UNAVAILABLE', message, { cause: error })
  }
}

async function openTheLibrary(): Promise<Compressor> {
  return new IsalCompressor(await loadIsal(), zlibCompressor.compress)
}
