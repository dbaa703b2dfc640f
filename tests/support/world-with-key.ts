import { keyAt, rowsOf } from './steps.ts'
import { createWorld, type Person, type PublishedApp, type World } from './world.ts'

export type WorldWithKey = AsyncDisposable & {
  world: World
  app: PublishedApp
  person: Person
  /** The installation, and its one key. */
  id: string
  key: string
  keyId: string
  redacted: string
}

/** An app that is installed and has its key. The worker does not run by itself. */
export async function worldWithKey(): Promise<WorldWithKey> {
  const world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const [row] = await rowsOf(world, 'keys')
  return {
    world,
    app,
    person,
    id,
    key: keyAt(app),
    keyId: String(row?.['id']),
    redacted: String(row?.['redacted']),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}
