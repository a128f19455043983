/**
 * The samples for shippers, checked without a shipper: that every key is one that the shipper knows, and that the values which keep records
 * safe are there. `test/e2e/samples.ts` runs those of Fluent Bit with a real one.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'

type Section = Record<string, unknown>

const read = (path: string) => readFileSync(new URL(`../../plugin-config/${path}`, import.meta.url), 'utf8')

/** Of Fluent Bit 5.1.1, as far as anybody would set them for logs: src/flb_config.c, src/flb_upstream.c, plugins/{in_tail,out_http}. */
const fluentBitKeys = {
  service: [
    'flush',
    'grace',
    'log_level',
    'parsers_file',
    'scheduler.base',
    'scheduler.cap',
    'storage.path',
    'storage.sync',
    'storage.checksum',
    'storage.max_chunks_up',
    'storage.backlog.mem_limit',
    'storage.keep.rejected',
    'storage.rejected.path',
    'storage.rejected.limit',
    'json.convert_nan_to_null',
  ],
  tail: [
    'name',
    'path',
    'tag',
    'parser',
    'db',
    'read_from_head',
    'refresh_interval',
    'buffer_max_size',
    'truncate_long_lines',
    'skip_long_lines',
    'rotate_wait',
    'storage.type',
  ],
  http: [
    'name',
    'match',
    'host',
    'port',
    'uri',
    'format',
    'json_date_key',
    'json_date_format',
    'header_tag',
    'header',
    'allow_duplicated_headers',
    'log_response_payload',
    'retry_limit',
    'storage.total_limit_size',
    'workers',
    'compress',
    'http.response_timeout',
    'net.keepalive',
    'net.keepalive_idle_timeout',
    'net.connect_timeout',
    'http_user',
    'http_passwd',
    'tls',
    'tls.verify',
    'tls.ca_file',
    'tls.crt_file',
    'tls.key_file',
  ],
}

/** Of the http sink of Vector 0.58: src/sinks/http/config.rs, src/sinks/util/service.rs, src/config/sink.rs. */
const vectorKeys = {
  sink: [
    'type',
    'inputs',
    'uri',
    'method',
    'auth',
    'compression',
    'encoding',
    'framing',
    'payload_prefix',
    'payload_suffix',
    'batch',
    'request',
    'retry_strategy',
    'tls',
    'acknowledgements',
    'buffer',
    'healthcheck',
    'proxy',
  ],
  request: [
    'concurrency',
    'timeout_secs',
    'rate_limit_num',
    'rate_limit_duration_secs',
    'retry_attempts',
    'retry_initial_backoff_secs',
    'retry_max_duration_secs',
    'retry_jitter_mode',
    'adaptive_concurrency',
    'headers',
  ],
  batch: ['max_bytes', 'max_events', 'timeout_secs'],
  encoding: ['codec', 'only_fields', 'except_fields', 'timestamp_format', 'json'],
}

/** Of the exporterhelper and the otlp_http exporter of the OpenTelemetry Collector, as of release 0.162. */
const collectorKeys = {
  exporter: [
    'endpoint',
    'logs_endpoint',
    'encoding',
    'compression',
    'timeout',
    'headers',
    'tls',
    'retry_on_failure',
    'sending_queue',
  ],
  queue: [
    'enabled',
    'storage',
    'sizer',
    'queue_size',
    'block_on_overflow',
    'num_consumers',
    'wait_for_result',
    'batch',
  ],
  retry: [
    'enabled',
    'initial_interval',
    'max_interval',
    'max_elapsed_time',
    'multiplier',
    'randomization_factor',
  ],
}

function section(value: unknown, ...path: readonly (string | number)[]): Section {
  let inner = value
  for (const key of path) inner = (inner as Record<string | number, unknown> | undefined)?.[key]
  assert.ok(typeof inner === 'object' && inner !== null, `there is no ${path.join('.')}`)
  return inner as Section
}

function assertKnown(given: Section, known: readonly string[], what: string): void {
  assert.deepEqual(
    Object.keys(given).filter((key) => !known.includes(key)),
    [],
    `${what} has keys that are not known`,
  )
}

/** The sections of a classic file, with keys in lower case as Fluent Bit takes them. */
function parseClassic(text: string): Record<string, Section> {
  const sections: Record<string, Section> = {}
  let current: Section = {}
  for (const line of text.split('\n')) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const name = /^\[(\w+)\]$/.exec(trimmed)?.[1]
    if (name !== undefined) sections[name] = current = {}
    else {
      const [, key = '', value = ''] = /^(\S+)\s+(.*)$/.exec(trimmed) ?? []
      current[key.toLowerCase()] = value
    }
  }
  return sections
}

const yamlFile: unknown = parse(read('fluent-bit/fluent-bit.yaml'))
const fluentBit = {
  service: section(yamlFile, 'service'),
  tail: section(yamlFile, 'pipeline', 'inputs', 0),
  http: section(yamlFile, 'pipeline', 'outputs', 0),
}

describe('fluent-bit.yaml', () => {
  it('has only keys that Fluent Bit knows', () => {
    for (const name of ['service', 'tail', 'http'] as const) {
      assertKnown(fluentBit[name], fluentBitKeys[name], name)
    }
    assert.deepEqual([fluentBit.tail['name'], fluentBit.http['name']], ['tail', 'http'])
  })

  it('never drops a chunk while there is disk, and posts what the sidecar reads', () => {
    const { service, tail, http } = fluentBit
    assert.equal(http['retry_limit'], 'no_limits')
    assert.equal(tail['storage.type'], 'filesystem')
    assert.ok(String(service['storage.path']).length > 0 && String(tail['db']).length > 0)
    assert.ok('storage.total_limit_size' in http)
    assert.ok(Number(service['scheduler.cap']) <= 60)
    assert.equal(http['format'], 'json_lines')
    assert.equal(http['json_date_format'], 'iso8601')
    assert.equal(http['header_tag'], 'X-Fluent-Tag', 'the default of records.tag_header')
    assert.equal(http['log_response_payload'], 'off')
  })

  it('names a parser that it defines', () => {
    const [parser] = Object.values(section(yamlFile, 'parsers')) as Section[]
    assert.deepEqual([parser?.['name'], parser?.['format']], [fluentBit.tail['parser'], 'json'])
  })

  it('has examples in its comments that are valid when they are switched on', () => {
    const text = read('fluent-bit/fluent-bit.yaml').replace(
      /^( *)# (?=[a-z_.]+: |  [a-z_.]+: |- name)/gm,
      '$1',
    )
    const outputs = Object.values(section(parse(text), 'pipeline', 'outputs')) as Section[]
    assert.equal(outputs.length, 2)
    for (const output of outputs) {
      assertKnown(output, fluentBitKeys.http, 'an output')
      assert.equal(output['retry_limit'], 'no_limits')
    }
    assert.equal(outputs[0]?.['compress'], 'zstd')
    assert.equal(outputs[1]?.['uri'], '/ingest/Web/Nginx')
  })
})

describe('fluent-bit.conf', () => {
  it('says the same as fluent-bit.yaml', () => {
    const { SERVICE, INPUT, OUTPUT } = parseClassic(read('fluent-bit/fluent-bit.conf'))
    const plain = (given: Section) =>
      Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value).toLowerCase()]))
    const { parsers_file: parsersFile, ...service } = SERVICE ?? {}
    assert.equal(parsersFile, 'parsers.conf')
    assert.deepEqual(plain(service), plain(fluentBit.service))
    assert.deepEqual(plain(INPUT ?? {}), plain(fluentBit.tail))
    assert.deepEqual(plain(OUTPUT ?? {}), plain(fluentBit.http))
  })

  it('has its parser in parsers.conf', () => {
    const { PARSER } = parseClassic(read('fluent-bit/parsers.conf'))
    assert.deepEqual(PARSER, { name: 'json_line', format: 'json' })
  })
})

describe('vector.yaml', () => {
  const file: unknown = parse(read('vector/vector.yaml'))
  const sink = section(file, 'sinks', 'kusto')

  it('has only keys that the http sink knows', () => {
    assertKnown(sink, vectorKeys.sink, 'the sink')
    for (const name of ['request', 'batch', 'encoding'] as const) {
      assertKnown(section(sink, name), vectorKeys[name], name)
    }
    assert.equal(sink['type'], 'http')
  })

  it('has a path with fixed text before its templates, made of fields that a transform sets and the encoding leaves out', () => {
    const uri = String(sink['uri'])
    const [, fixed = '', templated = ''] = /^([^{]*)(.*)$/.exec(uri) ?? []
    assert.match(fixed, /^http:\/\/[\w.:]+\/ingest\/$/, 'scheme, host and the start of the path are fixed')
    assert.doesNotMatch(templated, /[?#]/, 'no template behind a "?"')
    const fields = [...templated.matchAll(/\{\{ (\w+) \}\}/g)].map(([, field]) => field)
    assert.equal(fields.length, 2)
    const { except_fields: left } = section(sink, 'encoding')
    assert.deepEqual(left, fields)
    const source = String(section(file, 'transforms', 'destination')['source'])
    for (const field of fields) assert.match(source, new RegExp(`^\\.${field} = "\\w+"$`, 'm'))
    assert.deepEqual(sink['inputs'], ['destination'])
  })

  it('acknowledges end to end, waits on disk, and tries for ever', () => {
    assert.deepEqual(sink['acknowledgements'], { enabled: true })
    const { type, max_size: maxSize, when_full: whenFull } = section(sink, 'buffer')
    assert.deepEqual([type, whenFull], ['disk', 'block'])
    assert.ok(Number(maxSize) >= 268_435_488, 'the least that Vector takes')
    assert.deepEqual(sink['retry_strategy'], { type: 'default' })
    assert.equal(section(sink, 'request')['concurrency'], 'adaptive')
    assert.ok(Number(section(sink, 'request')['retry_attempts']) > 1e15)
    assert.deepEqual(
      [section(sink, 'encoding')['codec'], sink['framing']],
      ['json', { method: 'newline_delimited' }],
    )
  })

  it('is checked for health where the sidecar answers, and takes nothing from the environment', () => {
    assert.match(String(section(sink, 'healthcheck')['uri']), /\/healthz$/)
    assert.doesNotMatch(JSON.stringify(file), /\$\{/)
  })
})

describe('otel-collector.yaml', () => {
  const file: unknown = parse(read('otel-collector/otel-collector.yaml'))
  const exporter = section(file, 'exporters', 'otlp_http')
  const queue = section(exporter, 'sending_queue')

  it('has only keys that the Collector knows', () => {
    assertKnown(exporter, collectorKeys.exporter, 'the exporter')
    assertKnown(queue, collectorKeys.queue, 'the queue')
    assertKnown(section(exporter, 'retry_on_failure'), collectorKeys.retry, 'retry_on_failure')
  })

  it('posts to an address that ends with /v1/logs', () => {
    assert.match(String(exporter['logs_endpoint']), /\/v1\/logs$/)
    assert.equal(exporter['compression'], 'gzip')
  })

  it('tries for ever, from a queue on disk that waits when it is full', () => {
    assert.deepEqual(section(exporter, 'retry_on_failure')['max_elapsed_time'], 0)
    assert.equal(queue['block_on_overflow'], true)
    const storage = String(queue['storage'])
    assert.ok(storage in section(file, 'extensions'))
    assert.deepEqual(section(file, 'service')['extensions'], [storage])
    assert.equal(section(file, 'receivers', 'file_log')['storage'], storage)
  })

  it('uses in its pipeline what it defines', () => {
    const { receivers, exporters } = section(file, 'service', 'pipelines', 'logs')
    assert.deepEqual(receivers, Object.keys(section(file, 'receivers')))
    assert.deepEqual(exporters, Object.keys(section(file, 'exporters')))
  })
})
