/** Limits that are not options, in one place, each with its reason. What a user may choose is in `config/schema.ts`. */

const MB = 1_000_000

export const limits = {
  /** A group of waiting records becomes one frame of about this size: 256 KB costs under 1 % of the compression ratio. */
  frameTargetRawBytes: 1 * MB,
  /** With less than this waiting, records wait for the frame in work, so that small requests share one write. */
  frameEagerRawBytes: 256_000,
  /** Deflate jobs at once: Node's thread pool has four threads, which zlib and ISA-L share, and four jobs fill two cores. */
  compressionsInFlight: 4,
  /** Open batches at once. Each may hold a file descriptor; the usual soft limit of a container is 1,024 or more. */
  openDestinations: 1_000,
  /** Batches being uploaded at once; each holds `readChunkBytes` and one connection. */
  deliveriesInFlight: 8,
  /** Of these, how many for one destination, so that a large one leaves room for others. */
  deliveriesPerDestination: 4,
  /**
   * Questions about ingestions at once, and a second, over all batches. The status table of Kusto is not made for many, so it is for the size of batches
   * to keep them few; this is a bound for bad days. A batch takes one to three, and 1,000 destinations at the default interval seal 33 a
   * second: with less than that the journal would grow for ever.
   */
  questionsInFlight: 16,
  questionsPerSecond: 200,
  /** Questions about one batch come at growing intervals, up to this one: a batch that is late for hours is asked for once a minute. */
  questionIntervalGrowth: 1.5,
  questionMaxIntervalMs: 60_000,
  /** Failing questions are logged so seldom, all batches together. */
  questionLogIntervalMs: 60_000,
  /** After the blob of a message was deleted: time for an ingestion that had just read it to show. */
  minGraceMs: 1_000,
  /** A message that cannot be withdrawn is believed lost only after this many times the usual silence: an hour by default. */
  unfencedPatienceFactor: 12,
  /** After each lost message the next one has twice the time, up to 2 ** 8 times: from 5 minutes to 21 hours. */
  patienceDoublings: 8,
  /** Rows of the checkpoint table end a batch by its age: there is one for each batch of records, so these are never reached in good order. */
  checkpointBatchRows: 100_000,
  checkpointBatchRawBytes: 100 * MB,
  readChunkBytes: 256 * 1024,
  /** Journal files opened at once at start: it is waiting for the disk that takes the time. */
  filesRecoveredAtOnce: 16,
  /** Shippers give up on a reply after 60 s; we answer 503 before. */
  replyTimeoutMs: 45_000,
  /** How long a whole body waits to be decompressed and read; what follows has `replyTimeoutMs`. */
  turnTimeoutMs: 10_000,
  /** How long a request waits for room before it is told to come back. */
  overloadHoldMs: 1_000,
  /** A connection that ends in order so long after an answer: the answer was read. Who proxies and drops an answer ends it sooner. */
  answerReadAfterMs: 5_000,
  /** A connection that Vector keeps idle for 90 s must not be closed by us first. */
  keepAliveTimeoutMs: 120_000,
  /**
   * Bad records of one body that become a dead letter each, in any format; from the next one on, the rest of the body is one dead letter. To
   * tell one apart takes 20 to 40 microseconds in which no other sender is served: so many take a tenth to a fifth of a second. A body has
   * seldom more than 10,000 records (2 MB of Fluent Bit; 8,192 of the batch processor of OpenTelemetry), so that good ones share this fate
   * only where half of what is sent is bad.
   */
  rejectedMaxCount: 5_000,
  /** Bodies that are read at once, as long as they come fast: enough for the cores to have work, and 50 MB less than 64 senders of 1 MB would take. */
  bodiesReadAtOnceBytes: 12 * MB,
  /** Smaller ones wait for nobody. */
  smallBodyBytes: 64 * 1024,
  /** A body that is not through after so long no longer keeps others waiting. */
  slowBodyMs: 500,
  /** A body over `server.max_body_mb`, but not over this many times as much, is read and kept as a dead letter. */
  bodyKeptFactor: 2,
  /** A body of which nothing comes for so long is given up, since it holds its share of the memory. */
  bodyStallMs: 15_000,
  /** Time for a slow client to send a whole body. */
  bodyTimeoutMs: 300_000,
  kustoRequestTimeoutMs: 60_000,
  /** No byte moved for so long: an upload is stuck. */
  storageIdleTimeoutMs: 60_000,
} as const

export const bytesPerMb = MB
