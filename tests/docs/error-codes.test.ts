import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ADMIN_OPERATIONS } from '../../server/admin-api/operations.ts'
import { ERRORS, type ErrorCode } from '../../server/base/errors.ts'
import { errorsOf } from '../../server/http/operation.ts'
import { OPERATIONS } from '../../server/platform-api/operations.ts'
import { readTree } from '../support/imports.ts'

/** RFC 9449 §7.1 distinguishes the two in `WWW-Authenticate`. */
const SAME_CODE: readonly ErrorCode[] = ['access.unauthorized', 'access.invalid_proof']

const wire = readFileSync(new URL('../../docs/wire.md', import.meta.url), 'utf8')
const [, section = ''] = /^## Error codes\n([\s\S]*?)^## /m.exec(wire) ?? []
const rows = section
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => line.split('|').map(cell => cell.trim()))
  .map(([, code = '', status = '', meaning = '', advice = '']) => ({
    code: code.slice(1, -1),
    status,
    meaning,
    advice,
  }))
const entries = Object.entries(ERRORS) as [ErrorCode, (typeof ERRORS)[ErrorCode]][]

describe('error codes', () => {
  test('docs/wire.md lists every code once, with its status, its meaning and what to do', () => {
    assert.deepEqual(
      rows.map(({ code, status }) => `${code} ${status}`).toSorted(),
      [...new Set(entries.map(([, { code, status }]) => `${code} ${status}`))].toSorted(),
    )
    for (const { code, meaning, advice } of rows) assert.ok(meaning.length > 5 && advice.length > 5, code)
  })

  test('each cause has a code of its own', () => {
    const own = entries.filter(([name]) => !SAME_CODE.includes(name)).map(([, { code }]) => code)
    const twice = own.filter((code, index) => own.indexOf(code) !== index)
    assert.deepEqual(twice, [])
  })

  test('every entry is thrown somewhere', () => {
    const sources = readTree(join(import.meta.dirname, '../..'), ['{server,apps-registry}/**/*.ts'])
    const thrown = [...sources.values()].join('\n')
    assert.deepEqual(
      entries.map(([name]) => name).filter(name => !thrown.includes(`AppError('${name}'`)),
      [],
    )
  })

  test('the first table has the errors of /v1 and /admin/v1, the second those of pages only', () => {
    const [api = ''] = section.split('Pages and the command line')
    const ofApi = new Set([...OPERATIONS, ...ADMIN_OPERATIONS].flatMap(errorsOf).map(error => ERRORS[error].code))
    for (const { code } of rows.filter(({ code }) => ofApi.has(code as never)))
      assert.ok(api.includes(`| \`${code}\` |`), `${code} belongs to the first table`)
  })
})
