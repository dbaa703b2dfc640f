import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../../server/config.ts'
import { VARIABLES } from '../../server/environment.ts'
import { readTree } from '../support/imports.ts'

const documents = readTree(join(import.meta.dirname, '../..'), ['README.md', 'docs/**/*.md'])

type Row = { document: string; name: string; standard: string }

/** The rows of every table of variables. */
const rows: Row[] = [...documents].flatMap(([document, text]) =>
  [...text.matchAll(/^\| variable \| default \|.*\n\|[ |-]+\n((?:\|.*\n)+)/gm)].flatMap(([, table = '']) =>
    table
      .trim()
      .split('\n')
      .map(line => line.split('|').map(cell => cell.trim()))
      .map(([, name = '', standard = '']) => ({ document, name: name.replaceAll('`', ''), standard })),
  ),
)

test('the README lists every variable once, in the order of server/config.ts', () => {
  const named = rows.filter(({ document }) => document === 'README.md').map(({ name }) => name)
  assert.deepEqual(named, Object.keys(VARIABLES))
})

test('every table of variables states the real default', () => {
  const standards = { PORT: String(VARIABLES['PORT']), DATA_DIR: String(VARIABLES['DATA_DIR']) }
  for (const { document, name, standard } of rows) {
    const [, written] = /^`(.*)`$/.exec(standard) ?? []
    if (written === undefined) {
      assert.match(standard, /^none(?:: .+)?$/, `${document}: ${name}: neither a value in code quotes nor "none"`)
      assert.deepEqual([VARIABLES[name]].flat().filter(Boolean), [], `${document}: ${name} has a default`)
    } else {
      const value = written.replace(/\$(PORT|DATA_DIR)/g, (_, other: keyof typeof standards) => standards[other])
      assert.deepEqual(readConfig({ [name]: value }), readConfig({}), `${document}: ${name} is not ${value} by default`)
    }
  }
})
