import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { platformOpenApi } from '../../server/platform-api/platform-openapi.ts'

type Schema = { properties: Record<string, { enum?: string[] }> }
type Document = {
  paths: Record<string, Record<string, unknown>>
  components: { schemas: Record<string, Schema> }
}

const wire = readFileSync(new URL('../../docs/wire.md', import.meta.url), 'utf8')
const api = platformOpenApi('https://connect.example.com') as unknown as Document

/** The text from a heading to the next one of the same or a higher level. */
function section(heading: string): string {
  const [, level = '', text] = new RegExp(`^(#+) ${heading}\\n([\\s\\S]*)`, 'm').exec(wire) ?? []
  assert.ok(text, `docs/wire.md has no heading "${heading}"`)
  return text.split(new RegExp(`^#{1,${level.length}} `, 'm'))[0] ?? ''
}

const quoted = (text: string) => [...text.matchAll(/(?<!`)`([^`\n]+)`/g)].map(([, name = '']) => name)
const rowOf = (table: string, name: string) =>
  table
    .split('\n')
    .find(line => line.startsWith(`| ${name} |`))
    ?.split('|')[2] ?? ''

describe('docs/wire.md describes the platform API', () => {
  test('every call is in a table', () => {
    const listed = new Set(quoted(wire).map(text => text.replace(/\?.*/, '')))
    for (const [path, methods] of Object.entries(api.paths))
      for (const method of Object.keys(methods)) {
        const call = `${method.toUpperCase()} ${path.replace(/\{\w+\}/g, '{id}')}`
        assert.ok(listed.has(call), `${call} is not in docs/wire.md: add a row under "Platform API"`)
      }
  })

  for (const [name, schema] of Object.entries({ installation: 'Installation', key: 'Key', event: 'Event' }))
    test(`the members of ${name}`, () => {
      const members = Object.keys(api.components.schemas[schema]?.properties ?? {})
      assert.deepEqual(quoted(rowOf(section('Objects'), name)), members)
    })

  for (const [name, schema] of Object.entries({ installation: 'Installation', key: 'Key', delivery: 'Delivery' }))
    test(`the status of ${name}`, () => {
      const states = api.components.schemas[schema]?.properties['status']?.enum ?? []
      const [, table = ''] = section('Objects').split('| object | `status` |')
      const named = new Set(quoted(rowOf(table, name)))
      assert.deepEqual(
        states.filter(state => !named.has(state)),
        [],
      )
    })
})
