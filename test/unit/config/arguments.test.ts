import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseArguments } from '../../../sidecar/config/arguments.ts'
import { commandOptions, optionTypes } from '../../../sidecar/config/command-options.ts'
import { helpOf, helpText } from '../../../sidecar/config/help.ts'
import { parsePointInTime, resolveTime } from '../../../sidecar/config/point-in-time.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'

function mistakesOf(...words: string[]): string[] {
  try {
    parseArguments(words)
  } catch (error) {
    assert(error instanceof SidecarError)
    assert.equal(error.code, 'CONFIG_INVALID')
    return error.message.split('\n').slice(0, -1)
  }
  return assert.fail('the words are accepted')
}

describe('parseArguments', () => {
  it('runs with a configuration file, with and without the word run', () => {
    const expected = { name: 'run', configFile: 'a.yaml' }
    assert.deepEqual(parseArguments(['--config', 'a.yaml']), expected)
    assert.deepEqual(parseArguments(['run', '--config=a.yaml']), expected)
    assert.deepEqual(parseArguments(['--config', 'a.yaml', 'run']), expected)
  })

  it('runs without a configuration file, which the program takes for a first try', () => {
    assert.deepEqual(parseArguments([]), { name: 'run', configFile: undefined })
    assert.deepEqual(parseArguments(['run']), { name: 'run', configFile: undefined })
  })

  it('shows help and version without a configuration file', () => {
    assert.deepEqual(parseArguments(['--help']), { name: 'help', text: helpText })
    assert.deepEqual(parseArguments(['run', '-h']), { name: 'help', text: helpText })
    assert.deepEqual(parseArguments(['--version', '--help']), { name: 'help', text: helpText })
    assert.deepEqual(parseArguments(['--version']), { name: 'version' })
  })

  for (const [words, expected] of [
    [['--config'], ['--config needs the name of a file']],
    [['--config='], ['--config needs the name of a file']],
    [['--config', 'a', '--config', 'b'], ['--config is given twice']],
    [['--confg', 'a'], ['there is no option "--confg"; did you mean "--config"?']],
    [['--config', 'a', '--zzz'], ['there is no option "--zzz"']],
    [['-x', '--config', 'a'], ['there is no option "-x"']],
    [['rnu', '--config', 'a'], ['there is no command "rnu"; did you mean "run"?']],
    [['check', '--config', 'a'], ['the command "check" is not available in this version']],
    [['run', 'now', '--config', 'a'], ['the argument "now" has no meaning here']],
    [['--help=yes'], ['--help takes no value']],
  ] as [string[], string[]][]) {
    it(`explains what is wrong with "${words.join(' ')}"`, () => {
      assert.deepEqual(mistakesOf(...words), expected)
    })
  }

  const nothing = { code: undefined, destination: undefined, since: undefined, until: undefined }

  it('reads dead-letter list, show and replay with their options', () => {
    assert.deepEqual(parseArguments(['dead-letter', 'list', '--config', 'a.yaml']), {
      name: 'dead-letter list',
      configFile: 'a.yaml',
      directory: undefined,
      selection: nothing,
      json: false,
    })
    assert.deepEqual(
      parseArguments([
        'dead-letter',
        'show',
        '--dir=/d',
        '--code',
        'C',
        '--since',
        '2h',
        '--until',
        '2026-01-02',
        '--limit=3',
        '--full',
        '--json',
      ]),
      {
        name: 'dead-letter show',
        configFile: undefined,
        directory: '/d',
        selection: {
          ...nothing,
          code: 'C',
          since: { agoMs: 7_200_000 },
          until: { atMs: Date.UTC(2026, 0, 2) },
        },
        json: true,
        full: true,
        limit: 3,
      },
    )
    assert.deepEqual(
      parseArguments([
        'dead-letter',
        'replay',
        '--admin',
        'http://h:1',
        '--destination',
        'Logs.App',
        '--to',
        'My Logs/T',
      ]),
      {
        name: 'dead-letter replay',
        configFile: undefined,
        directory: undefined,
        selection: { ...nothing, destination: 'Logs.App' },
        json: false,
        dryRun: false,
        limit: undefined,
        to: { database: 'My Logs', table: 'T' },
        adminUrl: 'http://h:1',
      },
    )
  })

  it('reads journal inspect and verify with their options', () => {
    for (const name of ['journal inspect', 'journal verify'] as const) {
      const words = name.split(' ')
      const common = { name, configFile: undefined, directory: undefined, json: false }
      assert.deepEqual(parseArguments([...words, '--config', 'a.yaml']), { ...common, configFile: 'a.yaml' })
      assert.deepEqual(parseArguments([...words, '--dir=/d', '--json']), {
        ...common,
        directory: '/d',
        json: true,
      })
    }
  })

  for (const [words, expected] of [
    [['journal'], ['journal needs one of inspect, verify']],
    [['journal', 'verfy'], ['there is no command journal "verfy"; did you mean "journal verify"?']],
    [['journal', 'list'], ['there is no command journal "list"']],
    [['journal', 'inspect'], ['journal inspect needs --config FILE or --dir DIR']],
    [['journal', 'verify', '--dir', 'd', '--since', '1h'], ['--since is no option of journal verify']],
    [['journl', 'verify'], ['there is no command "journl"; did you mean "journal"?']],
    [['dead-letter'], ['dead-letter needs one of list, show, replay']],
    [['dead-letter', 'lst'], ['there is no command dead-letter "lst"; did you mean "dead-letter list"?']],
    [['dead-letter', 'list'], ['dead-letter list needs --config FILE or --dir DIR']],
    [['dead-letter', 'list', 'now', '--dir', 'd'], ['the argument "now" has no meaning here']],
    [['dead-letter', 'list', '--dir', 'd', '--limit', '1'], ['--limit is no option of dead-letter list']],
    [
      ['dead-letter', 'list', '--dir', 'd', '--cod', 'C'],
      ['there is no option "--cod"; did you mean "--code"?'],
    ],
    [['run', '--json'], ['--json is no option of run']],
    [
      ['dead-letter', 'show', '--dir', 'd', '--limit', '0'],
      ['--limit needs a whole number from 1 to 1000000'],
    ],
    [
      ['dead-letter', 'show', '--dir', 'd', '--limit', '1e9'],
      ['--limit needs a whole number from 1 to 1000000'],
    ],
    [
      ['dead-letter', 'show', '--dir', 'd', '--since', 'yesterday'],
      ['--since needs a time such as "2026-01-02T03:04:05Z" or "2h" (ago; s, m, h or d)'],
    ],
    [['dead-letter', 'show', '--dir', 'd', '--json=1'], ['--json takes no value']],
    [['dead-letter', 'replay'], ['dead-letter replay needs --config FILE or --admin URL']],
    [
      ['dead-letter', 'replay', '--dir', 'd'],
      ['--dir is of use only with --dry-run: the running sidecar knows its directory'],
    ],
    [
      ['dead-letter', 'replay', '--dry-run', '--admin', 'http://h'],
      ['--dry-run needs --config FILE or --dir DIR: it only reads files'],
    ],
    [['dead-letter', 'replay', '--config', 'a', '--to', 'a/b/c'], ['--to needs DATABASE/TABLE']],
    [['dead-letter', 'replay', '--config', 'a', '--to', "a/b'c"], ['--to needs DATABASE/TABLE']],
    [
      ['dead-letter', 'replay', '--admin', 'file:///etc'],
      ['--admin needs the address of the admin listener, such as "http://127.0.0.1:8081"'],
    ],
  ] as [string[], string[]][]) {
    it(`explains what is wrong with "${words.join(' ')}"`, () => {
      assert.deepEqual(mistakesOf(...words), expected)
    })
  }

  it('lets nothing but its own error escape', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '--',
        '-',
        '--__proto__',
        '-h',
        'run',
        'dead-letter',
        'list',
        'show',
        'replay',
        'journal',
        'inspect',
        'verify',
      ),
      fc.constantFrom(...Object.keys(optionTypes).map((name) => `--${name}`)),
      fc.constantFrom(
        '--dir=a',
        '--config=a',
        '--to=a/b',
        '--since=1h',
        '--limit=5',
        '--toString=1',
        '--valueOf',
      ),
    )
    fc.assert(
      fc.property(fc.array(word), (words) => {
        try {
          assert(['help', 'version', ...Object.keys(commandOptions)].includes(parseArguments(words).name))
        } catch (error) {
          assert(error instanceof SidecarError, String(error))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('mentions every option in the help of its command', () => {
    for (const option of ['--config', '--help', '--version', '78']) assert(helpText.includes(option))
    for (const [command, options] of Object.entries(commandOptions)) {
      const name = command as keyof typeof commandOptions
      const words = command.split(' ')
      assert.deepEqual(parseArguments([...words, '--help']), { name: 'help', text: helpOf(name) })
      for (const option of options)
        if (option !== 'help') assert(helpOf(name).includes(`--${option}`), `${command} --${option}`)
    }
  })
})

describe('a time on the command line', () => {
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)
  for (const [text, expected] of [
    ['2026-01-02', '2026-01-02T00:00:00.000Z'],
    ['2026-01-02T03:04', '2026-01-02T03:04:00.000Z'],
    ['2026-01-02 03:04:05', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05.000Z'],
    ['2026-01-02T03:04:05-0230', '2026-01-02T05:34:05.000Z'],
    ['90s', '2026-01-02T03:02:35.000Z'],
    ['30m', '2026-01-02T02:34:05.000Z'],
    ['2h', '2026-01-02T01:04:05.000Z'],
    ['7d', '2025-12-26T03:04:05.000Z'],
  ] as const) {
    it(`reads ${text}`, () => {
      const point = parsePointInTime(text)
      assert(point !== undefined)
      assert.equal(new Date(resolveTime(point, nowMs)).toISOString(), expected)
    })
  }

  it('refuses everything else', () => {
    for (const text of [
      '',
      'now',
      '2',
      'h',
      '-2h',
      '2w',
      '2026',
      '2026-13-01',
      '2026-01-02T25:00',
      '2026-01-02Tx',
      '1e3s',
      ' 2h',
    ])
      assert.equal(parsePointInTime(text), undefined, text)
  })
})
