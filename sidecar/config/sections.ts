import { z } from 'zod'
import { optionDocs, text, wholeNumber } from './option-docs.ts'

const mebibytes = 'megabytes of 1048576 bytes'
const maxDiskMb = 10_485_760

export const retrySection = z.strictObject({
  max_attempts: wholeNumber(1, 1_000).default(3).register(optionDocs, {
    text: 'How often a batch is tried in a row before its failure is reported. It is not lost then: it stays in the journal, and the attempts start again after `max_interval_ms`.',
    unit: 'attempts',
    example: 5,
  }),
  base_interval_ms: wholeNumber(1, 3_600_000).default(1_000).register(optionDocs, {
    text: 'The upper bound of the pause after the first failure; it doubles with each further one, and the pause is random below it.',
    unit: 'milliseconds',
    example: 500,
  }),
  max_interval_ms: wholeNumber(1, 86_400_000).default(60_000).register(optionDocs, {
    text: 'The longest pause between two attempts; at least `base_interval_ms`. It is also how late the sidecar may notice that Kusto is back.',
    unit: 'milliseconds',
    example: 30_000,
  }),
  cache_expiration_seconds: wholeNumber(60, 86_400).default(7_200).register(optionDocs, {
    text: 'How long containers, queues and tokens handed out by Kusto are used before they are fetched again. They are also fetched again when storage refuses one.',
    unit: 'seconds',
    example: 3_600,
  }),
})

export const journalSection = z.strictObject({
  enabled: z.boolean().default(true).register(optionDocs, {
    text: 'Write records to disk before they are acknowledged. Switch it off only where there is no disk: a reply then waits until the batch is queued in Kusto.',
    example: false,
  }),
  directory: text(4_096).default('./kusto-sidecar-data/journal').register(optionDocs, {
    text: 'Where waiting batches are kept, on a volume that survives a restart. One process at a time can use it.',
    expected: 'the path of a directory',
    example: '/var/lib/kusto-sidecar/journal',
  }),
  max_disk_mb: wholeNumber(1, maxDiskMb).default(10_240).register(optionDocs, {
    text: 'How much the journal may hold, compressed; when it is full, shippers get 503. At least twice `server.max_body_mb`; choose it by how long Kusto may be away: records of that time, divided by about ten.',
    unit: mebibytes,
    example: 51_200,
  }),
  sync_interval_ms: wholeNumber(1, 60_000).default(500).register(optionDocs, {
    text: 'At least this often is the journal forced to disk. A loss of power can lose what was written since; the death of the process loses nothing.',
    unit: 'milliseconds',
    example: 100,
  }),
  compression: z
    .enum(['auto', 'isal', 'zlib'])
    .default('auto')
    .register(optionDocs, {
      text:
        'What compresses records, also without a journal. `isal` is the library Intel ISA-L, which takes a third of the CPU of zlib for blobs that are no larger; the image has it, ' +
        'elsewhere it is the package `libisal2` of Debian or `isa-l` of Alpine. `auto` uses it where it is there and a test at the start passes, else zlib; the log and `sidecar_compression_info` tell which. ' +
        '`isal` ends the start when it cannot be used. `zlib` never loads native code of others.',
      example: 'zlib',
    }),
  dedup: z
    .enum(['auto', 'content', 'idempotency_key', 'off'])
    .default('auto')
    .register(optionDocs, {
      text:
        'What makes a request the repetition of an earlier one, which is then answered 200 and not stored again; it is remembered in the journal, also over a restart. ' +
        '`content`: the same client address, method, path, tag, content type, encoding and body. `idempotency_key`: the same `Idempotency-Key` header (and body); requests without it are never suppressed. ' +
        '`auto`: both, the header where there is one, as soon as `write` or a route is `exactly_once`, else nothing. `off`: nothing, and a lost answer leads to duplicates. ' +
        'Each way loses something: by content, a body that was equal and no repetition (a heartbeat without a time) is suppressed unless `dedup_forget_when_read` holds for its sender, which is a loss. ' +
        'Without it, what is sent again is stored again. Records with a time in them are never equal. All but `auto` and `off` need the journal.',
      example: 'idempotency_key',
    }),
  dedup_window_seconds: wholeNumber(1, 604_800)
    .default(3_600)
    .register(optionDocs, {
      text:
        'How long a request is remembered. A repetition after that is stored again, and an equal body that is none can be suppressed for so long. ' +
        'The default is well over the longest pauses between retries of shippers; after a restart of the sidecar the time begins anew, since a shipper may have waited for it.',
      unit: 'seconds',
      example: 7_200,
    }),
  dedup_max_keys: wholeNumber(1, 20_000_000)
    .default(200_000)
    .register(optionDocs, {
      text:
        'How many requests are remembered at most; above it the oldest are forgotten before their time, which is told in the log and in `sidecar_ledger_evicted_requests_total`. ' +
        'A request takes about 40 bytes of memory, so that the default takes 8 MB; it is enough for 55 requests a second over the default window, and for far more from senders whose requests are forgotten once read.',
      unit: 'requests',
      example: 1_000_000,
    }),
  dedup_forget_when_read: z
    .enum(['loopback', 'all', 'never'])
    .default('loopback')
    .register(optionDocs, {
      text:
        'From whom a further request on the same connection proves that the answer before it was read, so that an equal body after it is a new one and is stored. ' +
        '`loopback`: clients on this machine that show no sign of a proxy. A proxy in between (Envoy of a service mesh, nginx) breaks the proof, since it reads an answer that the shipper may never see: then a repetition is stored twice. ' +
        'So use `all` only where no proxy is between, and `never` where one on this machine adds no `Via`, `Forwarded` or `X-Forwarded-*` header. `never` suppresses every equal body within the window.',
      example: 'never',
    }),
})

export const deadLetterSection = z.strictObject({
  directory: text(4_096).default('./kusto-sidecar-data/dead-letter').register(optionDocs, {
    text: 'Where records and batches that can never be delivered are kept with the reason, for a person to look at. Each sidecar needs a directory of its own.',
    expected: 'the path of a directory',
    example: '/var/lib/kusto-sidecar/dead-letter',
  }),
  max_disk_mb: wholeNumber(1, maxDiskMb).default(1_024).register(optionDocs, {
    text: 'How much the dead-letter directory may hold. What happens when it is full is said by `when_full`.',
    unit: mebibytes,
    example: 2_048,
  }),
  when_full: z.enum(['backpressure', 'evict_oldest']).default('backpressure').register(optionDocs, {
    text: '`backpressure` loses nothing: what cannot be kept is answered 503, and shippers send it again until somebody makes room. `evict_oldest` removes the oldest files for new letters; what was in them is lost, and each is told in the log.',
    example: 'evict_oldest',
  }),
})

export const logSection = z.strictObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info').register(optionDocs, {
    text: 'The least important lines that are written. `debug` tells about each batch, `trace` about each request.',
    example: 'debug',
  }),
  format: z.enum(['json', 'pretty']).default('json').register(optionDocs, {
    text: '`json` for machines, one object a line; `pretty` for a person at a terminal.',
    example: 'pretty',
  }),
})
