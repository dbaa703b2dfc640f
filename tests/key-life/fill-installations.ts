import { hashSecret, mintSecret } from '../../server/base/secret-format.ts'
import type { World } from '../support/world.ts'

type Row = Record<string, unknown>

export type FilledInstallation = { accountId: string; installationId: string; key: string }

/** Other accounts with an installation of the same app and one key of it, by rows of the same shape; some ids come before. */
export async function fillInstallations(world: World, like: string, count: number): Promise<FilledInstallation[]> {
  const { database, ids, random } = world.deps
  const { knex } = database
  const installation: Row = await knex('installations').where({ id: like }).first()
  const account: Row = await knex('accounts').where({ id: installation['account_id'] }).first()
  const sample: Row | undefined = await knex('keys').where({ installation_id: like }).first()
  const filled: FilledInstallation[] = []
  const [accounts, installations, keys]: Row[][] = [[], [], []]
  for (let index = 0; index < count; index += 1) {
    const one = {
      accountId: ids.next('acct'),
      installationId: ids.next('ins'),
      key: mintSecret(random, 'lkm_live_'),
    }
    filled.push(one)
    const { accountId: account_id, installationId: installation_id } = one
    accounts?.push({ ...account, id: account_id })
    installations?.push({ ...installation, id: installation_id, account_id })
    keys?.push({ ...sample, id: ids.next('key'), account_id, installation_id, hash: hashSecret(one.key) })
  }
  await knex.batchInsert('accounts', accounts ?? [], 50)
  await knex.batchInsert('installations', installations ?? [], 25)
  if (sample) await knex.batchInsert('keys', keys ?? [], 25)
  return filled
}
