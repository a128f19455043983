import { z } from 'zod'
import { parseListenAddress } from './listen-address.ts'
import { checkedText, optionDocs, text, wholeNumber } from './option-docs.ts'

const mebibytes = 'megabytes of 1048576 bytes'
const maxDiskMb = 10_485_760
const listenExpected = 'an address and a port, such as "0.0.0.0:8080" or "[::]:8080"'

export const serverSection = z.strictObject({
  listen: checkedText((value) =>
    parseListenAddress(value) === undefined ? `expected ${listenExpected}, found other text` : undefined,
  )
    .default('0.0.0.0:8080')
    .register(optionDocs, {
      text: 'Where the sidecar listens for shippers. Use `127.0.0.1` when they run in the same pod or on the same machine; port 0 takes a free one.',
      expected: listenExpected,
      example: '127.0.0.1:8080',
    }),
  max_body_mb: wholeNumber(1, 1_024).default(32).register(optionDocs, {
    text: 'The largest body that is accepted, before and after decompression. A larger one is answered 413, and shippers drop what they sent, so stay above what they send at most.',
    unit: mebibytes,
    example: 64,
  }),
  max_in_flight_mb: wholeNumber(1, 65_536).default(256).register(optionDocs, {
    text: 'How much memory the bodies of all requests in work may take together. Above it shippers are asked to come back later; set it by the memory limit of the container.',
    unit: mebibytes,
    example: 128,
  }),
  shutdown_grace_ms: wholeNumber(0, 3_600_000).default(20_000).register(optionDocs, {
    text: 'How long to go on delivering after the signal to stop; what is left stays in the journal. Stay below the grace period of the platform (30 seconds in Kubernetes).',
    unit: 'milliseconds',
    example: 50_000,
  }),
})

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
    text: 'How much the journal may hold, compressed; when it is full, shippers get 503. Choose it by how long Kusto may be away: records of that time, divided by about ten.',
    unit: mebibytes,
    example: 51_200,
  }),
  sync_interval_ms: wholeNumber(1, 60_000).default(500).register(optionDocs, {
    text: 'At least this often is the journal forced to disk. A loss of power can lose what was written since; the death of the process loses nothing.',
    unit: 'milliseconds',
    example: 100,
  }),
})

export const deadLetterSection = z.strictObject({
  directory: text(4_096).default('./kusto-sidecar-data/dead-letter').register(optionDocs, {
    text: 'Where records and batches that can never be delivered are kept with the reason, for a person to look at.',
    expected: 'the path of a directory',
    example: '/var/lib/kusto-sidecar/dead-letter',
  }),
  max_disk_mb: wholeNumber(1, maxDiskMb).default(1_024).register(optionDocs, {
    text: 'How much the dead-letter directory may hold. When it is full, what cannot be kept is answered 503 instead of being dropped.',
    unit: mebibytes,
    example: 2_048,
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
