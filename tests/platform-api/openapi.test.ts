import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from '../support/world.ts'

type Operation = { responses: Record<string, unknown>; security: unknown[] }
type Document = {
  openapi: string
  servers: { url: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

test('/openapi.json lists every call, resolves every reference, and each call responds as it says', async () => {
  await using world = await createWorld()
  const text = await (await fetch(`${world.url}/openapi.json`)).text()
  const document = JSON.parse(text) as Document
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(document.servers, [{ url: world.url }])
  for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
    assert.ok(document.components.schemas[name], name)
  assert.doesNotMatch(text, /\$defs/)
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const url = world.url + path.replace(/\{(\w)\w*\}/g, 'nothing')
      const answer = await fetch(url, {
        method: method.toUpperCase(),
        ...(method === 'post' && { headers: { 'content-type': 'application/json' }, body: '{}' }),
      })
      assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8', `${method} ${path}`)
      assert.equal(answer.status, operation.security.length > 0 ? 401 : 400, `${method} ${path} without a credential`)
    }
  }
})

test('/reference shows the document without inline scripts or styles and without any other origin', async () => {
  await using world = await createWorld()
  const page = await fetch(`${world.url}/reference`)
  assert.equal(page.status, 200)
  assert.doesNotMatch(page.headers.get('content-security-policy') ?? '', /unsafe|https?:/)
  for (const [, path = ''] of (await page.text()).matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
    assert.equal((await fetch(world.url + path)).status, 200, path)
  }
})
