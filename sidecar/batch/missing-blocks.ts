import type { RequestLedger, RoutedBlock } from '../core/ports.ts'
import { partOfBlock, recordCount } from '../core/record-block.ts'
import type { RequestMark } from '../core/request-slice.ts'
import type { BlockOrigin } from './pending.ts'

export type MarkedBlock = RoutedBlock & { readonly origin?: BlockOrigin }

/**
 * What of a request is not stored, each run of records with where it is in the request. Parts of guarantee `none` are never remembered and
 * always missing.
 */
export function missingBlocks(
  parts: readonly RoutedBlock[],
  mark: RequestMark,
  ledger: RequestLedger,
): MarkedBlock[] {
  const isRemembered = ({ target }: RoutedBlock) => target.guarantee !== 'none'
  const partCount = parts.filter(isRemembered).length
  let part = -1
  return parts.flatMap((routed): MarkedBlock[] => {
    if (!isRemembered(routed)) return [routed]
    part += 1
    const { target, block } = routed
    const place = { part, partCount, partRecords: recordCount(block) }
    return ledger.missing(mark, place).map(({ firstRecord, recordCount: count }) => ({
      target,
      block: partOfBlock(block, firstRecord, count),
      origin: { ...mark, ...place, firstRecord },
    }))
  })
}
