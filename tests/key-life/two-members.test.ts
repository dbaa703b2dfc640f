import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activityOf, join, rowsOf, switchTo, textOf } from '../support/steps.ts'
import { createWorld, type Person, type World } from '../support/world.ts'
import { installManaged, makeKey } from './key-steps.ts'

/** A second owner of the same account. */
async function secondOwner(world: World, first: Person): Promise<Person> {
  const second = await world.person({ accountName: 'Quay Coffee' })
  await join(world, second, first, 'owner')
  await switchTo(second, first)
  return second
}

for (const kind of ['managed', 'restricted'] as const) {
  async function setting(world: World): Promise<{ key: string; id: string; first: Person; second: Person }> {
    if (kind === 'managed') {
      const { person: first, key, keyId: id } = await installManaged(world)
      return { key, id, first, second: await secondOwner(world, first) }
    }
    const first = await world.person()
    return { ...(await makeKey(world, first)), first, second: await secondOwner(world, first) }
  }

  async function open(world: World, first: Person, second: Person, id: string) {
    const expire = (await first.browser.get(`/keys/${id}/expire`)).form('Expire key')
    const rotate = (await second.browser.get(`/keys/${id}/rotate`)).form('Rotate key')
    return { expire, rotate, before: (await rowsOf(world, 'keys')).length }
  }

  for (const leads of ['expire', 'rotate'] as const) {
    test(`${kind}: Expire and Rotate at once, ${leads} a moment earlier: one succeeds, the other is refused`, async () => {
      await using world = await createWorld({ worker: false })
      const { id, key, first, second } = await setting(world)
      const { expire, rotate, before } = await open(world, first, second, id)
      const press = { expire: () => first.browser.submit(expire), rotate: () => second.browser.submit(rotate) }
      const follows = leads === 'expire' ? 'rotate' : 'expire'
      const [early, late] = await Promise.all([press[leads](), press[follows]()])
      const [expired, rotated] = leads === 'expire' ? [early, late] : [late, early]
      const made = (await rowsOf(world, 'keys')).length - before
      const [row] = await rowsOf(world, 'keys', { id })
      if (row?.['expired_because'] === 'by_account') {
        assert.deepEqual([made, expired.status, rotated.status], [0, 303, 409])
        assert.match(textOf(rotated), /Nothing was changed\. .* has expired already/)
        assert.equal((await world.verify(key))['code'], 'expired')
      } else {
        assert.deepEqual([made, expired.status, rotated.status], [1, 409, kind === 'managed' ? 303 : 201])
        assert.match(textOf(expired), /Nothing was changed\. .* was rotated after you opened this page/)
        assert.equal((await world.verify(key))['valid'], true)
      }
      const acts = (await activityOf(world, first.accountId)).filter(what => /^key\.(?:expired|rotated)$/.test(what))
      assert.equal(acts.length, 1)
    })
  }

  test(`${kind}: Rotate on a page drawn before somebody expired the key is refused`, async () => {
    await using world = await createWorld({ worker: false })
    const { id, first, second } = await setting(world)
    const { expire, rotate, before } = await open(world, first, second, id)
    await first.browser.submit(expire)
    const answer = await second.browser.submit(rotate)
    assert.equal(answer.status, 409)
    assert.match(textOf(answer), /API keys.*Nothing was changed\.|Nothing was changed\..*API keys/)
    assert.equal((await rowsOf(world, 'keys')).length, before)
  })

  test(`${kind}: Expire on a page drawn before somebody rotated or froze the key is refused once, and succeeds on retry`, async () => {
    await using world = await createWorld({ worker: false })
    const { id, key, first, second } = await setting(world)
    const { expire, rotate } = await open(world, first, second, id)
    await second.browser.submit(rotate)
    const refused = await first.browser.submit(expire)
    assert.equal(refused.status, 409)
    assert.match(textOf(refused), /Nothing was changed\. .* was rotated after you opened this page/)
    assert.equal((await world.verify(key))['valid'], true)
    await second.browser.post(`/keys/${id}/freeze`, { days: '7' })
    const frozen = await first.browser.submit(refused.form('Expire key'))
    assert.equal(frozen.status, 409)
    assert.match(textOf(frozen), /was frozen after you opened this page/)
    assert.equal((await first.browser.submit(frozen.form('Expire key'))).status, 303)
    assert.equal((await world.verify(key))['code'], 'expired')
  })
}
