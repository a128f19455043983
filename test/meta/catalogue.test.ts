import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCatalog } from '../../sidecar/core/errors.ts'
import { projectFiles } from './project-files.ts'

const codes = Object.keys(errorCatalog)

type Row = { code: string; disposition: string; httpStatus: string; meaning: string; remedy: string }

/** The rows of the table in ERRORS.md. */
function documentedRows(): Row[] {
  const [file] = projectFiles('sidecar', 'ERRORS.md')
  assert(file !== undefined)
  const rows = file.text.split('\n').filter((line) => line.startsWith('| `'))
  return rows.map((row) => {
    const [, code = '', disposition = '', httpStatus = '', meaning = '', remedy = ''] = row
      .split('|')
      .map((cell) => cell.trim())
    return { code: code.replaceAll('`', ''), disposition, httpStatus, meaning, remedy }
  })
}

describe('the error catalogue', () => {
  it('has only codes that something in the sidecar uses', () => {
    const sources = projectFiles('sidecar', '.ts').filter((file) => file.path !== 'sidecar/core/errors.ts')
    assert(sources.length > 60, `only ${sources.length} files were seen`)
    const unused = codes.filter((code) => !sources.some((file) => file.text.includes(`'${code}'`)))
    assert.deepEqual(unused, [])
  })

  it('is the table of ERRORS.md, in its order, with disposition and HTTP status', () => {
    const rows = documentedRows()
    assert(rows.length > 30)
    assert.deepEqual(
      rows.map(({ code, disposition, httpStatus }) => ({ code, disposition, httpStatus })),
      Object.entries(errorCatalog).map(([code, spec]) => ({
        code,
        disposition: spec.disposition,
        httpStatus: 'httpStatus' in spec ? String(spec.httpStatus) : '-',
      })),
    )
  })

  it('says of each code what it means and what to do, in whole sentences', () => {
    for (const { code, meaning, remedy } of documentedRows()) {
      assert.match(meaning, /^[A-Z].*\.$/, code)
      assert.match(remedy, /^[A-Z].*\.$/, code)
    }
    for (const [code, { summary }] of Object.entries(errorCatalog)) assert.match(summary, /^\S.*\.$/, code)
  })

  it('names a status of its own for each code that a client is told', () => {
    for (const [code, spec] of Object.entries(errorCatalog)) {
      if (spec.disposition === 'reject') assert('httpStatus' in spec, code)
      if (!('httpStatus' in spec)) continue
      // Shippers send again on 408 and 429, and only on those of the 4xx.
      const status: number = spec.httpStatus
      const isClientFault = status >= 400 && status < 500 && status !== 408 && status !== 429
      assert.equal(
        isClientFault,
        spec.disposition === 'reject',
        `${code}: shippers drop what they sent on a 4xx`,
      )
    }
  })
})
