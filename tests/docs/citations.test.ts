import assert from 'node:assert/strict'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import * as citations from '../support/citations.ts'
import { readTree, type Tree } from '../support/imports.ts'

const root = join(import.meta.dirname, '../..')
const ROOMS = '{apps-registry,bench,db,examples,server,tests,verify,views}'
const documents = readTree(root, ['*.md', 'docs/**/*.md', `${ROOMS}/**/*.md`])
const sources = readTree(root, [`${ROOMS}/**/*.{ts,mts,mjs,js,ejs,css}`, '*.md', 'docs/**/*.md', `${ROOMS}/**/*.md`])
const files = new Set(globSync(['*', `${ROOMS}/**`], { cwd: root, exclude: ['**/node_modules/**'] }))
const current = new Map([...documents].filter(([path]) => path !== 'CHANGELOG.md')) // the changelog may name files that are gone
const elsewhere = new Map([...sources].filter(([path]) => path !== 'tests/docs/citations.test.ts'))

describe('citations', () => {
  test('every cited document, heading and rule exists', () => none(citations.deadCitations(elsewhere, documents)))
  test('only this repository and standards are cited', () => none(citations.foreignCitations(elsewhere)))
  test('every link between documents resolves', () =>
    none(citations.deadLinks(documents, path => existsSync(join(root, path)))))
  test('ARCHITECTURE.md links to every guide', () => {
    const linked = documents.get('ARCHITECTURE.md') ?? ''
    none(globSync('docs/*.md', { cwd: root }).filter(guide => !linked.includes(`](${guide})`)))
  })
  test('every source file named in a document exists', () => none(citations.deadPaths(current, files)))
  test('every npm script named in a document exists', () =>
    none(citations.deadScripts(current, new Set(Object.keys(packageJson.scripts)))))

  test('the numbers of docs/rules.md ascend without a gap in each section', () => {
    const sections = Map.groupBy(
      citations.rulesOf(documents.get('docs/rules.md') ?? ''),
      number => number.split('.')[0],
    )
    assert.deepEqual(
      [...sections.keys()].map(Number),
      [...sections.keys()].map((_, index) => index + 1),
    )
    for (const [section, numbers] of sections)
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => `${section}.${index + 1}`),
      )
  })
})

describe('the checks find faults', () => {
  const rules = '# Rules\n\n## Revocation\n\n- **1.1** One.\n'
  const docs: Tree = new Map([
    ['docs/rules.md', rules],
    ['README.md', '# Read `me`, please\n\n## Run\n\n## Run\n'],
  ])
  const faults = (text: string) => citations.deadCitations(new Map([['a.ts', text]]), docs)

  test('broken citations, and only those', () => {
    assert.deepEqual(
      faults('// docs/rules.md#revocation, docs/rules.md 1.1, README.md#read-me-please, README.md#run-1'),
      [],
    )
    assert.deepEqual(faults('\n// docs/rules.md#rotation'), ['a.ts:2: docs/rules.md#rotation: no such heading'])
    assert.deepEqual(faults('// docs/rules.md 1.2'), ['a.ts:1: docs/rules.md 1.2: no such rule'])
    assert.deepEqual(faults('// docs/decisions/one.md'), ['a.ts:1: docs/decisions/one.md: no such document'])
    assert.deepEqual(faults('// ARCHITECTURE.md'), ['a.ts:1: ARCHITECTURE.md: no such document'])
  })

  test('sources outside the repository', () => {
    const foreign = (text: string) => citations.foreignCitations(new Map([['a.ts', text]])).length
    for (const text of ['(PLAN rule 3)', '(PLAN "States")', 'PLAN.md', 'issue 7', 'issue #12'])
      assert.equal(foreign(text), 1, text)
    for (const text of ['RFC 9449 §4.3', 'README.md', 'one rule holds', 'CRC-32', 'an issue'])
      assert.equal(foreign(text), 0, text)
  })

  test('missing links, paths and scripts', () => {
    const text =
      '[a](rules.md#revocation) [b](rules.md#gone) [c](gone.md) [d](https://x.test/gone) `keys/mint.ts` `mint.ts` `npm run gone`'
    const tree: Tree = new Map([...docs, ['docs/guide.md', text]])
    assert.deepEqual(
      citations.deadLinks(tree, () => false),
      ['docs/guide.md:1: rules.md#gone: no such heading', 'docs/guide.md:1: gone.md: no such file'],
    )
    assert.deepEqual(citations.deadPaths(tree, new Set(['server/keys/mint.ts'])), [])
    assert.equal(citations.deadPaths(tree, new Set(['server/mint.ts'])).length, 1)
    assert.equal(citations.deadScripts(tree, new Set(['test'])).length, 1)
  })
})

function none(faults: string[]): void {
  assert.equal(faults.join('\n'), '')
}
