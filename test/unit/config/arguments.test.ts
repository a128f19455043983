import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { helpText, parseArguments } from '../../../sidecar/config/arguments.ts'
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
    assert.deepEqual(parseArguments(['--help']), { name: 'help' })
    assert.deepEqual(parseArguments(['run', '-h']), { name: 'help' })
    assert.deepEqual(parseArguments(['--version', '--help']), { name: 'help' })
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

  it('lets nothing but its own error escape', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('--config', '--', '-', '--__proto__', '-h', 'run'))),
        (words) => {
          try {
            assert(['run', 'help', 'version'].includes(parseArguments(words).name))
          } catch (error) {
            assert(error instanceof SidecarError, String(error))
          }
        },
      ),
    )
  })

  it('mentions every option in the help', () => {
    for (const option of ['--config', '--help', '--version', '78']) assert(helpText.includes(option))
  })
})
