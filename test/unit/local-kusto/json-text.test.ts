import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { endOfValue, itemsOf, propertiesOf } from '../../../sidecar/local-kusto/engine/json-text.ts'

/** JSON with spaces wherever they are allowed. */
const spaced = fc
  .tuple(fc.jsonValue(), fc.constantFrom(0, 1, 3, '\t'))
  .map(([value, space]) => ({ value, text: JSON.stringify(value, null, space) }))

describe('propertiesOf', () => {
  it('gives the text of every property, which parses to its value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
        fc.constantFrom(0, 2),
        (object, space) => {
          const properties = propertiesOf(` ${JSON.stringify(object, null, space)}\r\n`)

          const parsed = [...(properties ?? [])].map(([name, text]): [string, unknown] => [
            name,
            JSON.parse(text),
          ])
          assert.deepEqual(parsed, Object.entries(JSON.parse(JSON.stringify(object)) as object))
        },
      ),
    )
  })

  it('keeps the text of a value as it is', () => {
    const properties = propertiesOf(
      String.raw`{"a" : 9007199254740993 ,"b":{ "c" : "\u0000}" },"c":1.50e+1,"d":"\"" }`,
    )

    assert.deepEqual(
      [...(properties ?? [])],
      [
        ['a', '9007199254740993'],
        ['b', String.raw`{ "c" : "\u0000}" }`],
        ['c', '1.50e+1'],
        ['d', String.raw`"\""`],
      ],
    )
  })

  it('takes the last of equal names, however they are escaped', () => {
    assert.deepEqual([...(propertiesOf(String.raw`{"a":1,"\u0061":2}`) ?? [])], [['a', '2']])
  })

  it('gives nothing for what is no object', () => {
    assert.equal(propertiesOf('[1]'), undefined)
    assert.equal(propertiesOf('"{}"'), undefined)
    assert.deepEqual(propertiesOf('{}'), new Map())
  })
})

describe('itemsOf', () => {
  it('gives the text of every item, which parses to its value', () => {
    fc.assert(
      fc.property(fc.array(spaced), (items) => {
        const texts = itemsOf(`[ ${items.map(({ text }) => text).join(' ,\n')} ]`)

        assert.deepEqual(
          texts?.map((text) => JSON.parse(text) as unknown),
          JSON.parse(`[${items.map(({ text }) => text).join(',')}]`),
        )
      }),
    )
  })
})

describe('endOfValue', () => {
  it('ends where the value does, whatever comes after', () => {
    fc.assert(
      fc.property(spaced, fc.constantFrom('', ' ', '\n{', ',1', ']'), ({ text }, rest) => {
        assert.equal(endOfValue(text + rest, 0), text.length)
      }),
    )
  })

  it('ends at the end of the text for a value that does not', () => {
    for (const text of ['{"a":[1,{', '"abc', '"abc\\']) assert.equal(endOfValue(text, 0), text.length)
  })
})
