import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { hashSecret, mintSecret, redactSecret } from '../base/secret-format.ts'
import { endVerifier, insertVerifier } from './verifier-store.ts'

/** Creates a verifier key for a resource server; it is shown once. */
export async function createVerifier(
  tx: Tx,
  { clock, ids, random, keyBrand }: Caps & { keyBrand: string },
  command: { name: string },
): Promise<{ verifierId: string; verifierKey: string }> {
  const verifierId = ids.next('vrf')
  const verifierKey = mintSecret(random, `${keyBrand}v_`)
  await insertVerifier(tx, {
    id: verifierId,
    name: command.name,
    tokenHash: hashSecret(verifierKey),
    redacted: redactSecret(verifierKey),
    at: clock.now(),
  })
  return { verifierId, verifierKey }
}

/** Revokes a verifier key: every process refuses it from now on. Throws `object.not_found`. */
export async function revokeVerifier(tx: Tx, { clock }: Pick<Caps, 'clock'>, id: string): Promise<void> {
  if (!(await endVerifier(tx, id, clock.now()))) throw new AppError('object.not_found')
}
