import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/**
 * Every metric of the program. Names are `sidecar_<stage>_<noun>_<unit>[_total]` with base units. Labels are bounded: error
 * codes and guarantees are closed sets, HTTP statuses are those we answer.
 */
export type Metrics = ReturnType<typeof createMetrics>

/** Where all metrics of a process are registered. */
export type MetricsRegistry = Registry

export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly Label[] = [],
  ) => new Histogram({ name, help, buckets, labelNames, registers })
  const secondsBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

  return {
    registry,
    /** Adds Node's own metrics (memory, event loop, garbage collection). Not for tests: they hold timers. */
    collectProcess: () => collectDefaultMetrics({ register: registry }),

    httpRequests: counter('sidecar_http_requests_total', 'Requests answered, by status.', ['status']),
    httpBodyBytes: counter('sidecar_http_body_bytes_total', 'Bytes of bodies received, as they came.'),
    httpRequestSeconds: histogram(
      'sidecar_http_request_duration_seconds',
      'From the first byte of a request to its answer.',
      secondsBuckets,
    ),
    httpInFlightBytes: gauge('sidecar_http_in_flight_bytes', 'Bytes of bodies held in memory.'),

    httpInFlightRequests: gauge('sidecar_http_in_flight_requests', 'Requests in work.'),
    httpJoinedRequests: counter(
      'sidecar_http_joined_requests_total',
      'Requests answered with the result of an identical one in work, whose connection was closed.',
    ),
    httpRepeatedRequests: counter(
      'sidecar_http_repeated_requests_total',
      'Requests answered 200 without being stored, because an equal one was stored before (journal.dedup).',
    ),
    httpFileErrors: counter(
      'sidecar_http_file_errors_total',
      'Changed files of credentials or certificates that could not be used.',
    ),
    httpUnauthorized: counter('sidecar_http_unauthorized_total', 'Requests refused for their credential.'),

    decodeRecords: counter('sidecar_decode_records_total', 'Records read from bodies.'),
    decodeRecordBytes: counter('sidecar_decode_record_bytes_total', 'Bytes of these records, uncompressed.'),

    deadLetterRecords: counter(
      'sidecar_dead_letter_records_total',
      'Records or bodies kept aside, by error code.',
      ['code'],
    ),
    deadLetterBytes: gauge('sidecar_dead_letter_bytes', 'Bytes in the dead-letter directory.'),
    deadLetterEvictedBytes: counter(
      'sidecar_dead_letter_evicted_bytes_total',
      'Bytes of the oldest files removed from a full directory (dead_letter.when_full: evict_oldest).',
    ),

    ledgerRequests: gauge('sidecar_ledger_requests', 'Requests remembered as stored (journal.dedup).'),
    ledgerEvictedRequests: counter(
      'sidecar_ledger_evicted_requests_total',
      'Requests forgotten before their time, because journal.dedup_max_keys was reached; a repetition of one is stored twice.',
    ),

    compressionInfo: gauge(
      'sidecar_compression_info',
      '1, with what compresses records: isal or zlib (journal.compression).',
      ['engine'],
    ),

    journalBytes: gauge('sidecar_journal_bytes', 'Bytes in the journal directory.'),
    journalFrames: counter('sidecar_journal_frames_total', 'Frames written.'),
    journalFrameBytes: counter('sidecar_journal_frame_bytes_total', 'Bytes of these frames, compressed.'),
    journalSyncSeconds: histogram(
      'sidecar_journal_sync_duration_seconds',
      'Time of one fsync.',
      secondsBuckets,
    ),
    journalErrors: counter('sidecar_journal_errors_total', 'Errors of the journal, by code.', ['code']),
    journalTornBytes: counter(
      'sidecar_journal_torn_bytes_total',
      'Bytes of incomplete frames cut off at start.',
    ),

    batchOpen: gauge('sidecar_batch_open_batches', 'Open batches.'),
    batchPendingBytes: gauge(
      'sidecar_batch_pending_bytes',
      'Bytes of records waiting to be compressed and written.',
    ),
    batchSealed: counter('sidecar_batch_sealed_total', 'Batches sealed, by what was reached first.', [
      'reason',
    ]),
    batchSealedRecords: counter('sidecar_batch_sealed_records_total', 'Records in sealed batches.'),
    batchSealedRawBytes: counter(
      'sidecar_batch_sealed_raw_bytes_total',
      'Uncompressed bytes in sealed batches.',
    ),

    deliveryWaiting: gauge('sidecar_delivery_waiting_batches', 'Sealed batches that are not settled.'),
    deliveryOldestSeconds: gauge(
      'sidecar_delivery_oldest_age_seconds',
      'Age of the oldest record that is not settled.',
    ),
    deliveryAttempts: counter('sidecar_delivery_attempts_total', 'Attempts to deliver a batch, by outcome.', [
      'outcome',
    ]),
    deliveryAwaitingAnswer: gauge(
      'sidecar_delivery_awaiting_answer_batches',
      'Batches whose message was sent, and of which Kusto has not yet said how their ingestion ended.',
    ),
    deliveryConfirmations: counter(
      'sidecar_delivery_confirmations_total',
      'Answers of Kusto on how an ingestion ended, by outcome: ingested, repeat (an earlier message had brought it), found (by its tag in the table), failed, partial, unconfirmed.',
      ['outcome'],
    ),
    deliveryConfirmSeconds: histogram(
      'sidecar_delivery_confirmation_duration_seconds',
      'From the message of a batch to knowing how its ingestion ended.',
      [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400],
    ),
    deliveryReplacedMessages: counter(
      'sidecar_delivery_replaced_messages_total',
      'Messages after which another one had to be sent for the same batch, by the error code of the reason.',
      ['reason'],
    ),
    deliverySettledBatches: counter(
      'sidecar_delivery_settled_batches_total',
      'Batches delivered, nothing more is owed: queued in Kusto, or ingested where that is asked for.',
    ),
    deliverySettledRecords: counter('sidecar_delivery_settled_records_total', 'Records of these batches.'),
    deliverySettledRawBytes: counter(
      'sidecar_delivery_settled_raw_bytes_total',
      'Uncompressed bytes of these batches.',
    ),
    deliverySettledBlobBytes: counter(
      'sidecar_delivery_settled_blob_bytes_total',
      'Compressed bytes of these batches.',
    ),
    deliveryCheckpointRowsLost: counter(
      'sidecar_delivery_checkpoint_rows_lost_total',
      'Rows that the checkpoint table will not get, because the disk refused them (write.checkpoint_table).',
    ),
    deliverySeconds: histogram(
      'sidecar_delivery_latency_seconds',
      'From the first record of a batch to its being delivered.',
      [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600],
    ),

    kustoRequestSeconds: histogram(
      'sidecar_kusto_request_duration_seconds',
      'Calls to Kusto and its storage, by operation.',
      secondsBuckets,
      ['operation'],
    ),
    kustoErrors: counter('sidecar_kusto_errors_total', 'Failed calls to Kusto and its storage.', [
      'operation',
      'code',
    ]),
  }
}
