import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { layerRules, layerViolations, specifiersOf } from './layer-rules.ts'
import { projectFiles } from './project-files.ts'

const files = projectFiles('sidecar', '.ts')

describe('layers', () => {
  it('holds in every file of the sidecar', () => {
    assert(files.length > 60, `only ${files.length} files were seen`)
    assert(files.flatMap((file) => specifiersOf(file.text)).length > 200)
    assert.deepEqual(layerViolations(files), [])
  })

  it('has a file in every layer of the table', () => {
    for (const layer of Object.keys(layerRules)) {
      const path = `sidecar/${layer}`
      assert(
        files.some((file) => file.path === path || file.path.startsWith(`${path}/`)),
        `${layer} is in the table and not on the disk`,
      )
    }
  })
})

describe('the check of the layers', () => {
  for (const [path, statement] of [
    ['batch/a.ts', "import { x } from '../journal/b.ts'"],
    ['batch/a.ts', "import type { X } from '../journal/b.ts'"],
    ['batch/a.ts', "import {\n  x,\n  y,\n} from '../journal/b.ts'"],
    ['batch/a.ts', "export * from '../journal/b.ts'"],
    ['batch/a.ts', "export type { X } from '../journal/b.ts'"],
    ['batch/a.ts', "import '../journal/b.ts'"],
    ['batch/a.ts', "const b = await import('../journal/b.ts')"],
    ['batch/a.ts', "let b: import('../journal/b.ts').B"],
    ['batch/a.ts', 'const b = await import(name)'],
    ['batch/a.ts', 'const b = await import(`../journal/b.ts`)'],
    ['batch/a.ts', "import { x } from '../../test/fakes/b.ts'"],
    ['batch/a.ts', "import { x } from '../sidecar.ts'"],
    ['batch/a.ts', "import express from 'express'"],
    ['batch/a.ts', "import fs from 'fs'"],
    ['batch/a.ts', "const { default: koffi } = await import('koffi')"],
    ['http/a.ts', "import { z } from 'zod/mini'"],
    ['kusto/a.ts', "import { x } from '@azure/storage-blob'"],
    ['core/a.ts', "import { x } from '../observability/log.ts'"],
    ['local-kusto/a.ts', "import { x } from '../kusto/gateway.ts'"],
    ['local-kusto/deep/a.ts', "import { x } from '../../http/server.ts'"],
    ['sidecar.ts', "import { x } from './kusto/gateway.ts'"],
    ['sidecar.ts', "import { x } from './platform/clock.ts'"],
    ['sidecar.ts', "import { x } from './config/load.ts'"],
    ['sidecar.ts', "import { x } from './local-kusto/local-kusto.ts'"],
    ['nowhere/a.ts', ''],
    ['other.ts', ''],
  ] as const) {
    it(`finds ${JSON.stringify(statement)} in ${path}`, () => {
      assert.equal(layerViolations([{ path: `sidecar/${path}`, text: `${statement}\n` }]).length, 1)
    })
  }

  for (const [path, statement] of [
    ['batch/a.ts', "import { x } from './b.ts'"],
    ['batch/a.ts', "import { x } from '../core/b.ts'"],
    ['batch/a.ts', "import assert from 'node:assert/strict'"],
    ['batch/a.ts', "// import { x } from '../journal/b.ts'"],
    ['batch/a.ts', "/** `import('../journal/b.ts')` */"],
    ['batch/a.ts', "export const text = 'x'"],
    ['batch/a.ts', "export function f() {\n  return Array.from('x')\n}"],
    ['config/a.ts', "import { z } from 'zod'"],
    ['config/a.ts', 'if (import.meta.main) main()'],
    ['kusto/a.ts', "const { x } = await import('@azure/identity')"],
    ['local-kusto/deep/a.ts', "import { x } from '../../core/b.ts'"],
    ['local-kusto/a.ts', "import { x } from '@azure/storage-blob'"],
    ['sidecar.ts', "import type { X } from './config/config.ts'"],
    ['cli.ts', "const x = await import('./local-kusto/local-kusto.ts')"],
  ] as const) {
    it(`allows ${JSON.stringify(statement)} in ${path}`, () => {
      assert.deepEqual(layerViolations([{ path: `sidecar/${path}`, text: `${statement}\n` }]), [])
    })
  }
})
