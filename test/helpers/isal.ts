import { messageOf } from '../../sidecar/core/errors.ts'
import { IsalCompressor } from '../../sidecar/compress/isal-compressor.ts'
import { loadIsal } from '../../sidecar/compress/isal-library.ts'

/**
 * ISA-L on this machine, which fails where the sidecar would fall back to zlib; or why it is not there, for the `skip` of a test. With
 * ISAL_REQUIRED=1 its absence is an error.
 */
export async function realIsal(): Promise<{ isal?: IsalCompressor; skip: string | false }> {
  try {
    const fallback = () => Promise.reject(new Error('ISA-L did not deflate a piece'))
    return { isal: new IsalCompressor(await loadIsal(), fallback), skip: false }
  } catch (error) {
    if (process.env['ISAL_REQUIRED'] === '1') throw error
    return { skip: `ISA-L is not on this machine: ${messageOf(error)}` }
  }
}
