import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { projectFiles, projectRoot } from './project-files.ts'

const texts = projectFiles('', '.md')
const sources = ['sidecar', 'test'].flatMap((folder) => projectFiles(folder, '.ts'))
const maxCodeLines = 300

/** Put together, so that this file does not hold them. */
const marks = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['XX', 'X'],
].map((halves) => halves.join(''))
const leftovers = new RegExp(`\\b(?:${marks.join('|')})\\b`)

/** Markdown without what stands between fences and in code spans. */
function prose(markdown: string): string {
  return markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')
}

function titles(markdown: string): string[] {
  return prose(markdown).match(/^# .*$/gm) ?? []
}

function relativeLinks(markdown: string): string[] {
  const links = [...prose(markdown).matchAll(/\]\(\s*<?([^)>\s]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)/gm)]
  return links
    .map(([, inline, reference]) => inline ?? reference ?? '')
    .filter((link) => !/^(?:[a-z]+:|#)/i.test(link))
}

function codeLines(source: string): number {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '')
  return code.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length
}

describe('markdown', () => {
  it('has one title a file', () => {
    assert(texts.length >= 3, `only ${texts.length} files were seen`)
    for (const { path, text } of texts) assert.equal(titles(text).length, 1, path)
  })

  it('has relative links that lead to a file', () => {
    let linksCount = 0
    for (const { path, text } of texts) {
      for (const link of relativeLinks(text)) {
        linksCount += 1
        const target = decodeURIComponent(link.split('#')[0] ?? '')
        assert(existsSync(join(projectRoot, dirname(path), target)), `${path} links to ${link}`)
      }
    }
    assert(linksCount > 0)
  })
})

describe('every text', () => {
  it('is free of marks for unfinished work', () => {
    assert(sources.length > 100, `only ${sources.length} files were seen`)
    const marked = [...texts, ...sources].filter(({ text }) => leftovers.test(text)).map(({ path }) => path)
    assert.deepEqual(marked, [])
  })

  it(`has at most ${maxCodeLines} lines of code`, () => {
    const long = sources.filter(({ text }) => codeLines(text) > maxCodeLines).map(({ path }) => path)
    assert.deepEqual(long, [])
  })
})

describe('the checks of texts', () => {
  it('find a mark of unfinished work, and no word that contains one', () => {
    for (const mark of marks) {
      assert.match(`// ${mark}: later`, leftovers)
      assert.doesNotMatch(`const a${mark}b = 1`, leftovers)
    }
  })

  it('count titles outside of code', () => {
    assert.deepEqual(titles('# A\n\n```sh\n# not a title\n```\n\n## B\n'), ['# A'])
    assert.equal(titles('# A\n\n# B\n').length, 2)
  })

  it('find links in each form, and leave out other sites, anchors and code', () => {
    const markdown =
      '[a](b.md) ![c](d.png "title") [e](<f.md>) [g](https://h) [i](#j) `[k](l.md)` [m](n.md#o)\n\n[p]: q.md\n```\n[r](s.md)\n```\n'
    assert.deepEqual(relativeLinks(markdown), ['b.md', 'd.png', 'f.md', 'n.md#o', 'q.md'])
  })

  it('count lines of code without comments and empty lines', () => {
    assert.equal(codeLines('/**\n * a\n */\n\n// b\nconst c = 1 // d\n'), 1)
  })
})
