import { combineCrc32 } from '../core/gzip-member.ts'
import type { BatchSummary, FrameHeader } from './format.ts'

export const emptySummary: BatchSummary = {
  frameCount: 0,
  recordCount: 0,
  rawBytes: 0,
  payloadBytes: 0,
  rawCrc32: 0,
  requestsBytes: 0,
}

/** The summary of a batch after one more frame. */
export function addFrame(
  summary: BatchSummary,
  frame: Omit<FrameHeader, 'sequence' | 'payloadCrc32' | 'requestsCrc32'>,
): BatchSummary {
  return {
    frameCount: summary.frameCount + 1,
    recordCount: summary.recordCount + frame.recordCount,
    rawBytes: summary.rawBytes + frame.rawBytes,
    payloadBytes: summary.payloadBytes + frame.payloadBytes,
    rawCrc32: combineCrc32(summary.rawCrc32, frame.rawCrc32, frame.rawBytes),
    requestsBytes: summary.requestsBytes + frame.requestsBytes,
  }
}
