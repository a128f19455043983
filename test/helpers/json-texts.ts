import * as fc from 'fast-check'

/** Writes a JSON value with whitespace of the caller's choice between all tokens. */
export function renderJson(value: unknown, space: () => string): string {
  if (Array.isArray(value)) {
    const members = value.map((member) => space() + renderJson(member, space) + space())
    return `[${members.length === 0 ? space() : members.join(',')}]`
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, member]) =>
        `${space()}${JSON.stringify(key)}${space()}:${space()}${renderJson(member, space)}${space()}`,
    )
    return `{${members.length === 0 ? space() : members.join(',')}}`
  }
  return JSON.stringify(value)
}

/** Text that is likely to hold what a decoder stumbles over. */
export const trickyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc
    .array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '},{', '}{', '\n', '\u2028', 'x'), {
      maxLength: 8,
    })
    .map((parts) => parts.join('')),
)

/**
 * Keys for comparisons by JSON.parse. That of Node 24.21 confuses keys which differ in an escaped character: after
 * `{"k":{},"k\\":{}}` it reads the second key of `{"k":{},"k\n":{}}` as the one before.
 */
export const comparableKey = trickyText.map((text) => text.replaceAll(/[\p{Cc}"\\]/gu, '_'))

/** Text with quotes and backslashes, but with nothing that looks like the structure of JSON. */
export const plainText = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', '"', '\\', '\n', '\u00e9', '1'),
  maxLength: 8,
})

function anyValue(text: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      text,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(null, true, false, {}, []),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(text, tie('value'), { maxKeys: 3 }),
    ),
  })).value
}

/** Texts of JSON objects with keys and strings of `text`, and with whitespace made of `spaces` between the tokens. */
export function objectTexts(text: fc.Arbitrary<string>, ...spaces: readonly string[]): fc.Arbitrary<string> {
  const gaps = fc.infiniteStream(fc.constantFrom('', '', '', ...spaces))
  return fc.tuple(fc.dictionary(text, anyValue(text), { maxKeys: 4 }), gaps).map(([object, stream]) => {
    return renderJson(object, () => stream.next().value as string)
  })
}

/** Pieces of JSON in any order: mostly broken, sometimes whole. */
export const jsonSoup = fc
  .array(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      ' ',
      '\n',
      '\r\n',
      '\t',
      '1',
      '-',
      'nan',
      'true',
      'x',
      '"k"',
      '"k":',
      '{"a":1}',
      '{"a":{"b":[{}]}}',
      '{"s":"}"}',
      '[{"a":1},{"b":2}]',
      '},{',
      '}{',
      '\u00e9',
    ),
    { maxLength: 25 },
  )
  .map((parts) => parts.join(''))
