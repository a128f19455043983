import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { KnownCredentials, presentedBy, tokensOf, usersOf } from '../../../sidecar/http/credentials.ts'

const texts = (buffers: readonly Buffer[]) => buffers.map((buffer) => buffer.toString())

describe('KnownCredentials', () => {
  it('knows exactly the credentials that were set, whichever came first', () => {
    const credential = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.array(credential, { minLength: 1, maxLength: 20 }), credential, (set, presented) => {
        const known = new KnownCredentials()
        known.set('a', set)
        for (const one of set) assert.equal(known.has(one), true)
        assert.equal(
          known.has(presented),
          set.some((one) => one.equals(presented)),
        )
      }),
    )
  })

  it('forgets what a source held when that is set again, and nothing of other sources', () => {
    const known = new KnownCredentials()
    known.set('a', [Buffer.from('old'), Buffer.from('both')])
    known.set('b', [Buffer.from('other')])
    known.set('a', [Buffer.from('new'), Buffer.from('both')])
    const has = (text: string) => known.has(Buffer.from(text))
    assert.deepEqual(['old', 'new', 'both', 'other', ''].map(has), [false, true, true, true, false])
  })

  it('keeps what a source held when it is set to none or to too many', () => {
    const known = new KnownCredentials()
    known.set('a', [Buffer.from('good')])
    known.set(
      'b',
      Array.from({ length: 999 }, (_, n) => Buffer.from(`t${n}`)),
    )
    assert.throws(() => known.set('a', []), /no credential/)
    assert.throws(() => known.set('a', [Buffer.from('1'), Buffer.from('2')]), /more than 1000/)
    assert.equal(known.has(Buffer.from('good')), true)
  })
})

describe('files of credentials', () => {
  it('have a token on each line; blank lines, space around and CRLF do not count', () => {
    assert.deepEqual(texts(tokensOf(Buffer.from('\uFEFFone\r\n\n  two \t\nthree'))), ['one', 'two', 'three'])
    assert.deepEqual(tokensOf(Buffer.from('\n \n')), [])
  })

  it('have a user on each line, with a password that may hold colons and space', () => {
    assert.deepEqual(texts(usersOf(Buffer.from('\uFEFFalice:a:b \r\n\nbøb:pässword\nempty:'))), [
      'alice:a:b ',
      'bøb:pässword',
      'empty:',
    ])
  })

  it('tell the number of a line that is no user, and not what is in it', () => {
    for (const line of ['no-colon-secret', ':no-name-secret'])
      assert.throws(() => usersOf(Buffer.from(`a:b\n${line}`)), {
        message: 'line 2 is not of the form name:password',
      })
  })
})

describe('the Authorization header', () => {
  it('presents the bytes of a credential of the scheme that is asked for', () => {
    const basic = Buffer.from('alice:pässword').toString('base64')
    assert.equal(presentedBy(`Basic ${basic}`, 'basic')?.toString(), 'alice:pässword')
    assert.equal(presentedBy(`bAsIc   ${basic} `, 'basic')?.toString(), 'alice:pässword')
    assert.equal(presentedBy('Bearer a.b-c', 'bearer')?.toString(), 'a.b-c')
    assert.equal(presentedBy(Buffer.from('Bearer tøken').toString('latin1'), 'bearer')?.toString(), 'tøken')
  })

  it('presents nothing when it is of another scheme or broken', () => {
    for (const header of ['', 'Basic', 'Basic ', 'Bearer x', 'Basicx y', ' Basic x'])
      assert.equal(presentedBy(header, 'basic'), undefined, header)
  })
})
