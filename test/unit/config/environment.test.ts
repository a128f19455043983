import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { substitute } from '../../../sidecar/config/environment.ts'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { options } from '../../../sidecar/config/options.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { mistakesIn, smallest } from './fixtures.ts'

describe('substitute', () => {
  const env = { HOST: 'h', EMPTY: '', NESTED: '${HOST}', DOLLAR: '$&$1' }
  for (const [text, expected] of [
    ['a ${HOST} b ${HOST}', 'a h b h'],
    ['${HOST:-x}${MISSING:-x}${EMPTY:-x}', 'hxx'],
    ['${MISSING:-}', ''],
    ['${EMPTY}', ''],
    ['$${HOST} $$ $ {HOST} $HOST', '${HOST} $$ $ {HOST} $HOST'],
    ['${NESTED}', '${HOST}'],
    ['${DOLLAR}', '$&$1'],
    ['${MISSING:-a:-b}', 'a:-b'],
    ['$${MISSING:-${HOST}}', '${MISSING:-h}'],
  ] as const) {
    it(`turns ${text} into ${expected}`, () => {
      const { text: result, problems } = substitute(text, env)
      assert.equal(result, expected)
      assert.deepEqual(problems, [])
    })
  }

  for (const text of ['${', '${}', '${1A}', '${A B}', '${A', '${A-b}', '${A:b}', '${ A }']) {
    it(`refuses ${text}`, () => {
      assert.equal(substitute(text, { A: 'a' }).problems.length, 1)
    })
  }

  it('does not take what every object has for a variable', () => {
    assert.match(substitute('${constructor}', {}).problems.join(), /constructor is not set/)
  })
})

describe('variables in a configuration file', () => {
  it('get the type that the key needs when they are not quoted', () => {
    const text = `${smallest}  database: \${DIGITS}
  table: \${WORD}
write: { batch_size: 5 }
retry:
  max_attempts: \${DIGITS}
journal:
  enabled: \${FALSE}
server:
  listen: 127.0.0.1:\${DIGITS}
`
    const config = loadConfig(text, 'sidecar.yaml', { DIGITS: '007', WORD: 'true', FALSE: 'false' })

    assert.deepEqual(config.defaultDestination, { database: '007', table: 'true' })
    assert.equal(config.retry.maxAttempts, 7)
    assert.equal(config.journal.enabled, false)
    assert.deepEqual(config.server.listen, { host: '127.0.0.1', port: 7 })
  })

  it('stay text when they are quoted', () => {
    const [line] = mistakesIn(`${smallest}retry:\n  max_attempts: "\${N}"\n`, { N: '7' })
    assert.match(line ?? '', /found text in the value of \$\{N\}$/)
  })

  it('cannot bring structure with them', () => {
    const lines = mistakesIn(`${smallest}log: \${X}\n`, { X: '{ level: debug }' })
    assert.deepEqual(lines, [
      'sidecar.yaml:3:6  log: expected a mapping of keys to values, found text in the value of ${X}',
    ])
  })

  it('leave a key absent when nothing is left of its value', () => {
    const config = loadConfig(`${smallest}  ingestion_url: \${X:-}\nwrite:\n  batch_size: \${Y}\n`, 'f', {
      Y: '',
    })

    assert.equal(config.kusto.ingestionUrl, 'https://ingest-c.kusto.windows.net')
    assert.equal(config.write.batchSize, 1_000)
  })

  it('are named when a required value is empty', () => {
    const [line] = mistakesIn('kusto:\n  cluster_url: ${URL:-}\n')
    assert.match(
      line ?? '',
      /:2:16 {2}kusto\.cluster_url: .*found nothing, since the value of \$\{URL\} is empty$/,
    )
  })

  it('are named when they are not set, once each and beside other mistakes', () => {
    const text =
      'kusto:\n  cluster_url: ${URL}\n  auth: { type: client_secret, client_secret: "${SECRET}" }\n'
    assert.deepEqual(mistakesIn(text), [
      'sidecar.yaml:2:16  kusto.cluster_url: the environment variable URL is not set, and ${URL} has no default',
      'sidecar.yaml:3:3  kusto.auth.tenant_id: is needed when kusto.auth.type is "client_secret", found nothing',
      'sidecar.yaml:3:3  kusto.auth.client_id: is needed when kusto.auth.type is "client_secret", found nothing',
      'sidecar.yaml:3:47  kusto.auth.client_secret: the environment variable SECRET is not set, and ${SECRET} has no default',
    ])
  })

  it('need quotes between braces, and the message says so', () => {
    const lines = mistakesIn(`${smallest}log: { level: \${X} }\nwrite:\n  batch_size: 5\n`)
    assert.equal(lines.length, 1, 'what follows from the first syntax error is not told')
    assert.match(lines[0] ?? '', /:3:\d+ {2}.*put "\$\{\.\.\.\}" in quotes/)
  })
})

describe('secrets', () => {
  const places = options.filter((option) => option.path.length > 0)
  const secret = fc.tuple(
    fc.stringMatching(/^Zq[0-9a-f]{10}$/),
    fc.constantFrom('', '/', ' x', '"', '\n', ': ', '://', '{', '%'),
  )

  it('no value of a variable is repeated in a message, whatever the key', () => {
    let refusedCount = 0
    fc.assert(
      fc.property(fc.constantFrom(...places), secret, fc.boolean(), (option, [core, tail], isQuoted) => {
        try {
          loadConfig(fileWith(option.path, isQuoted ? '"${X}"' : '${X}'), 'f.yaml', { X: core + tail })
        } catch (error) {
          assert(error instanceof SidecarError)
          assert(!error.message.includes(core), error.message)
          refusedCount += 1
        }
      }),
    )
    assert(refusedCount > 10)
  })

  it('no value of a secret key is repeated in a message, whatever is wrong with it', () => {
    for (const value of ['[Zq1]', '{ Zq1: 1 }', '12345', `"${'Zq1'.repeat(2_000)}"`, '""', 'true']) {
      const message = mistakesIn(
        `${smallest}  auth: { type: client_secret, client_secret: ${value} }\n`,
      ).join('\n')
      assert.match(message, /auth\.client_secret/)
      assert.doesNotMatch(message.replaceAll('client_secret.Zq1', ''), /Zq1|12345/)
    }
  })

  it('the length of a secret is not told', () => {
    const value = 'Zq1'.repeat(2_000)
    const lines = mistakesIn(`${smallest}  auth: { type: client_secret, client_secret: ${value} }\n`)
    assert.match(lines.at(-1) ?? '', /: expected text of 1 to 4096 characters, found text$/)
  })

  it('a value of a variable is not told by what is near to it', () => {
    assert.match(mistakesIn(`${smallest}log: { level: debugg }\n`).join(), /did you mean "debug"/)
    assert.doesNotMatch(
      mistakesIn(`${smallest}log:\n  level: \${X}\n`, { X: 'debugg' }).join(),
      /did you mean/,
    )
  })

  it('a URL that holds a credential is not repeated', () => {
    for (const value of [
      'https://user:Zq1@c.kusto.windows.net',
      'Data Source=https://c;AppKey=Zq1',
      'https://c/?k=Zq1',
    ]) {
      assert.doesNotMatch(mistakesIn(`kusto:\n  cluster_url: ${value}\n`).join('\n'), /Zq1/)
    }
  })
})

/** A file with `value` at a path of the schema, in block style. */
function fileWith(path: readonly string[], value: string): string {
  let line = ''
  path.forEach((part, depth) => {
    const indent = '  '.repeat(depth)
    line += part === '[]' ? `\n${indent}-` : `\n${indent}${part}:`
  })
  return `${line} ${value}\n`
}
