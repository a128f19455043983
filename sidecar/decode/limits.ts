/** Limits of this stage, each with its reason. They bound the work and the memory that a hostile body can cause. */
export const decodeLimits = {
  /** What two bytes a level make of a value that is parsed without a look at its depth first. */
  depthMax: 500_000,
  /** Longer values are measured before JSON.parse sees them: at 16 million levels it takes 6 s and 1.1 GB. */
  unmeasuredValueMaxBytes: 1_000_000,
  /** JSON.parse makes up to 100 bytes of each value: 10 million of them in one body took 1.2 GB. A log record has hundreds. */
  valuesMax: 1_000_000,
  /** Bytes that scans across lines may look at in vain, as a multiple of the body. */
  scanBudgetFactor: 4,
  /** Encodings one after the other. A shipper uses one, and a proxy may add its own. */
  encodingsMax: 3,
  /** Each frame of zstd is a job of its own of about 0.1 ms. Shippers send one frame, parallel compressors one for some MB. */
  zstdFramesMax: 10_000,
} as const
