import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Receiver } from '../support/receiver.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'

test('an app whose receiver hangs, with many deliveries due, does not delay another app’s key', async () => {
  await using world = await createWorld()
  const dead = await world.app()
  const alive = await world.app()
  await crowd(world, dead, 40)
  dead.receiver.behave(...Array.from({ length: 80 }, () => 'hang' as const))
  world.deps.worker.wake()
  await dead.receiver.waitForAttempt(1)
  await world.install(await world.person(), alive)
  const { key } = await alive.receiver.waitFor('managed_key.created', 1, 12_000) // a hanging post takes 15 s
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  await world.deps.outbound.hangUp()
})

test('what hangs never takes all places: many dead apps leave room for one that answers', async () => {
  await using world = await createWorld()
  const alive = await world.app()
  const dead: Receiver[] = []
  for (let index = 0; index < 5; index += 1) {
    const app = await world.app()
    await crowd(world, app, 20)
    app.receiver.behave(...Array.from({ length: 40 }, () => 'hang' as const))
    dead.push(app.receiver)
  }
  world.deps.worker.wake()
  for (const receiver of dead) await receiver.waitForAttempt(1)
  await world.install(await world.person(), alive)
  await alive.receiver.waitFor('managed_key.created', 1, 12_000)
  await world.deps.outbound.hangUp()
})

/** Many installations of an app, each with an event that is due: rows as installs make them. */
async function crowd({ deps }: World, app: PublishedApp, count: number): Promise<void> {
  const { ids, clock, database } = deps
  const at = clock.now()
  const accountId = app.platform.person.accountId
  await database.transaction(async tx => {
    for (let index = 1; index <= count; index += 1) {
      const installation = ids.next('ins')
      const [event, delivery] = [ids.next('evt'), ids.next('dlv')]
      await tx('installations').insert({
        id: installation,
        app_id: app.id,
        account_id: accountId,
        mode: 'test',
        status: 'uninstalled',
        generation: index,
        version: 1,
        permissions: '[]',
        sequence: 1,
        installed_by: app.platform.person.userId,
        created_at: at,
      })
      const body = JSON.stringify({ type: 'installation.updated', data: { sequence: 1 } })
      const common = { app_id: app.id, installation_id: installation, sequence: 1, created_at: at }
      await tx('events').insert({ id: event, type: 'installation.updated', body, ...common })
      await tx('deliveries').insert({
        id: delivery,
        event_id: event,
        status: 'pending',
        attempts: 0,
        next_attempt_at: at,
        ...common,
      })
    }
  })
}
