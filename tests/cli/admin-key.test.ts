import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createInstance, runInOneProcess, startServer } from '../support/child.ts'

test('admin-key create, list, revoke: the key works at the running server until it is revoked', async () => {
  await using instance = await createInstance()
  await using server = await startServer(instance.env)
  const command = async (...args: string[]) => {
    const { code, stdout, stderr } = await runInOneProcess(instance.env, 'admin-key', ...args)
    return { code, stderr, result: code === 0 ? JSON.parse(stdout) : undefined }
  }
  const scopes = ['--scope', 'people:write', '--scope', 'verifiers:read']
  const more = ['--expires-in-days', '30', '--allow', '127.0.0.0/8', '--allow', '203.0.113.7']
  const made = await command('create', '--name', 'Back office', ...scopes, ...more)
  assert.equal(made.code, 0, made.stderr)
  assert.deepEqual(Object.keys(made.result), ['admin_key_id', 'admin_key'])
  const { admin_key_id: id, admin_key: key } = made.result
  assert.match(id, /^adk_[0-9a-z]{26}$/)
  assert.match(key, /^lka_[0-9A-Za-z]{38}$/)
  const ask = async () =>
    (await fetch(`${server.url}/admin/v1/verifiers`, { headers: { authorization: `Bearer ${key}` } })).status
  assert.equal(await ask(), 200)
  const { admin_keys: keys } = (await command('list')).result
  assert.equal(keys.length, 1)
  assert.equal(keys[0].id, id)
  assert.deepEqual(keys[0].scopes, ['people:write', 'verifiers:read'])
  assert.deepEqual([keys[0].addresses, keys[0].status], [['127.0.0.0/8', '203.0.113.7'], 'active'])
  assert.ok(!JSON.stringify(keys).includes(key))
  assert.deepEqual((await command('revoke', id)).result, { admin_key_id: id, status: 'revoked' })
  assert.equal(await ask(), 401)
  const refusals: [string[], RegExp][] = [
    [['create', '--name', 'x', '--scope', 'people'], /people:read, people:write/],
    [['create', '--name', 'x'], /--scope/],
    [['create', '--name', 'x', '--scope', 'sign-in', '--expires-in-days', '0'], /whole number from 1/],
    [['create', '--name', 'x', '--scope', 'sign-in', '--allow', '0.0.0.0/0'], /--allow/],
    [['revoke', id], /nothing here/],
    [['revoke', 'adk_nothing'], /no such admin key/],
  ]
  for (const [args, message] of refusals) {
    const { code, stderr } = await command(...args)
    assert.equal(code, 1, args.join(' '))
    assert.match(stderr, message)
  }
})
