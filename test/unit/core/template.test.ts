import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseFieldPath } from '../../../sidecar/core/field-path.ts'
import {
  fillTemplate,
  fixedText,
  parseTemplate,
  type Template,
  withTag,
} from '../../../sidecar/core/template.ts'

function template(text: string): Template {
  const parsed = parseTemplate(text)
  assert('value' in parsed, text)
  return parsed.value
}

function problemOf(text: string): string {
  const parsed = parseTemplate(text)
  assert('problem' in parsed, text)
  return parsed.problem
}

const fill = (text: string, tag: string | undefined, fields: Record<string, string> = {}) => {
  const bound = withTag(template(text), tag)
  return bound === undefined ? undefined : fillTemplate(bound, (path) => fields[path.join('/')])
}

describe('parseTemplate', () => {
  it('reads every placeholder and braces that are doubled', () => {
    assert.deepEqual(template("{{a}}-{tag}{tag[12]}.{record.x.y-z}{record['a.}b'][\"c'\"].d}"), [
      { kind: 'text', text: '{a}-' },
      { kind: 'tag' },
      { kind: 'tag', index: 12 },
      { kind: 'text', text: '.' },
      { kind: 'record', path: ['x', 'y-z'] },
      { kind: 'record', path: ['a.}b', "c'", 'd'] },
    ])
  })

  it('gives any text back once its braces are doubled', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', 'a', 'tag', ' ') }), (text) => {
        assert.equal(fixedText(template(text.replace(/[{}]/g, '$&$&'))), text)
      }),
    )
  })

  for (const [text, expected] of [
    [
      'a{tga}',
      /^the placeholder at character 3? ?2 is unknown; a field is written \{record\.NAME\}; known are \{tag\}/,
    ],
    ['{', /^the placeholder at character 1 is unknown; known/],
    ['{tag', /^the placeholder at character 1 is unknown/],
    ['{tag[x]}', /^the placeholder at character 1 needs a part of the tag counted from 0/],
    ['{tag[-1]}', /needs a part of the tag/],
    ['ab}', /^the "\}" at character 3 closes nothing/],
    ['{record}', /^the placeholder at character 1 needs a key of the record/],
    ['{record.}', /^expected a key at character 9/],
    ['{record.a b}', /^the placeholder at character 1 has no closing "\}"/],
    ['{record.a', /has no closing "\}"/],
    ["{record['a}", /^the key at character 9 has no closing '\]$/],
    ['{record.a[0]}', /^expected a quoted key behind the "\[" at character 10/],
    ['{records.a}', /is unknown/],
  ] as const) {
    it(`refuses ${text}, with the place`, () => {
      assert.match(problemOf(text), expected)
    })
  }

  it('never throws, and repeats nothing of what is wrong', () => {
    const unit = fc.constantFrom(
      '{',
      '}',
      '{tag',
      '[',
      ']',
      "'",
      '"',
      '.',
      'record',
      '{record.',
      'SECRET',
      '0',
    )
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        const parsed = parseTemplate(text)
        if ('problem' in parsed) assert.doesNotMatch(parsed.problem, /SECRET/)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('withTag and fillTemplate', () => {
  it('fill in the tag, parts of it, and fields', () => {
    assert.equal(fill('{tag}', 'a.b'), 'a.b')
    assert.equal(fill('x{tag[1]}-{record.k}', 'a.b', { k: 'v' }), 'xb-v')
    assert.equal(fill('plain', undefined), 'plain')
    assert.equal(fill('', undefined), '')
  })

  it('fail without the tag, the part or the field', () => {
    assert.equal(fill('{tag}', undefined), undefined)
    assert.equal(fill('{tag[2]}', 'a.b'), undefined)
    assert.equal(fill('{record.k}', 'a'), undefined)
  })

  it('leave braces in a tag alone', () => {
    assert.equal(fill('{tag}', '{record.k}', { k: 'v' }), '{record.k}')
  })
})

describe('parseFieldPath', () => {
  it('reads keys with and without quotes', () => {
    for (const [text, keys] of [
      ['a', ['a']],
      ['a.b-c.@d/e', ['a', 'b-c', '@d/e']],
      ["['a.b'].c", ['a.b', 'c']],
      [`a["b'"]['']`, ['a', "b'", '']],
    ] as const) {
      assert.deepEqual(parseFieldPath(text), { value: keys })
    }
  })

  for (const text of ['', '.a', 'a.', 'a..b', 'a b', 'a[b]', "['a'", 'a{', "a['b']c"]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const parsed = parseFieldPath(text)
      assert('problem' in parsed)
      assert.match(parsed.problem, /at character [1-9]/)
    })
  }
})
