import { hashSecret, mintSecret } from '../../server/base/secret-format.ts'
import type { Row } from '../support/steps.ts'
import type { World } from '../support/world.ts'

export type Filled = { id: string; key: string }

/** Adds delivered keys to an installation as rows like those that it has; their ids ascend. */
export async function fillKeys(
  world: World,
  installationId: string,
  count: number,
  change: (index: number) => Row = () => ({}),
): Promise<Filled[]> {
  const { knex } = world.deps.database
  const like: Row = await knex('keys').where({ installation_id: installationId }).first()
  const filled: Filled[] = []
  const rows: Row[] = []
  for (let index = 0; index < count; index += 1) {
    const key = mintSecret(world.deps.random, 'lkm_live_')
    const id = world.deps.ids.next('key')
    filled.push({ id, key })
    const at = { created_at: world.clock.now(), delivered_at: world.clock.now() }
    rows.push({ ...like, ...at, id, name: `key ${index}`, hash: hashSecret(key), ...change(index) })
  }
  await knex.batchInsert('keys', rows, 25)
  return filled
}
