import { createPlatform, type Platform } from '../../apps-registry/create-platform.ts'
import { listPlatforms } from '../../apps-registry/list-platforms.ts'
import { lockTable, type Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { Member } from '../audit/actor.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'

export type OpenPlatform = { name: string; actor: Member }

/** Makes the account a publisher; two simultaneous submits make one profile. Throws `platform.exists`. */
export async function openPlatform(
  tx: Tx,
  caps: Caps & { keyBrand: string },
  { name, actor }: OpenPlatform,
): Promise<{ platform: Platform; registrationToken: string }> {
  await requireAbility(tx, actor.id, actor.accountId, 'publish')
  await lockTable(tx, 'platforms')
  if ((await listPlatforms(tx, actor.accountId)).length > 0) {
    throw new AppError('platform.exists', {
      detail: 'Nothing was changed. A registration token is shown once; make a new one if you need it.',
    })
  }
  return await createPlatform(tx, caps, { accountId: actor.accountId, name, actor })
}
