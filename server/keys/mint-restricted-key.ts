import { createHash, createHmac } from 'node:crypto'
import type { Tx } from '../../db/connect.ts'
import type { Member } from '../audit/actor.ts'
import type { Caps } from '../base/caps.ts'
import { MINUTE } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import type { Random } from '../base/random.ts'
import { hashSecret, mintSecret, redactSecret } from '../base/secret-format.ts'
import { type KeyLimits, requireRoom } from './key-limits.ts'
import { statusAt } from './key-states.ts'
import { findKeyOfForm, insertKey, type Key, newKey } from './key-store.ts'

export type RestrictedMintCaps = Caps & { keyBrand: string; keyLimits: KeyLimits }

export type MintRestrictedKey = {
  actor: Member
  mode: Mode
  name: string
  permissions: string[]
  note: string | null
  /** The deadline. */
  expiresAt: number | null
  addresses: string[] | null
  replaces: string | null
  /** The key that it replaces ends in the same transaction. */
  instead?: boolean
  /** The one-time id of the submitted form; absent if it is not one of ours. */
  form: string | undefined
}

/** The plaintext exists only in the response to the member who created the key; `again` if the same form was sent twice. */
export type ShownKey = { key: Key; plaintext: string; again: boolean }

/** How long a form that is submitted again, by a double click or a reload, returns the same key. */
const SAME_PRESS = 10 * MINUTE

/**
 * Mints a restricted key. The second submit of a form makes no second key and does not lose the first: the plaintext is
 * derived from the form's one-time id, which only the browser has, under the root secret, which only the server has; it
 * is stored nowhere and is the same both times. Throws `key.form_used` after that time, and `key.limit`.
 */
export async function mintRestrictedKey(
  tx: Tx,
  caps: RestrictedMintCaps,
  command: MintRestrictedKey,
): Promise<ShownKey> {
  const { form } = command
  if (form === undefined) return { ...(await insertFresh(tx, caps, command, caps.random)), again: false }
  const earlier = await showAgain(tx, caps, command)
  if (earlier) return earlier
  const [chance] = chancesOf(caps, { ...command, form })
  try {
    return { ...(await insertFresh(tx, caps, command, chance ?? caps.random)), again: false }
  } catch (error) {
    const meanwhile = error instanceof AppError ? await showAgain(tx, caps, command) : undefined
    if (!meanwhile) throw error
    return meanwhile
  }
}

/**
 * The key that this form has created, for the member who submitted it a moment ago. Throws `key.form_used` for anybody
 * else.
 */
export async function showAgain(
  tx: Tx,
  caps: RestrictedMintCaps,
  command: Pick<MintRestrictedKey, 'actor' | 'form'> & Partial<Pick<Key, 'name' | 'mode' | 'permissions'>>,
): Promise<ShownKey | undefined> {
  const { form } = command
  const { id: userId, accountId } = command.actor
  if (form === undefined) return undefined
  const made = await findKeyOfForm(tx, accountId, hashForm(form))
  if (!made) return undefined
  const { key, hash } = made
  const at = caps.clock.now()
  const samePress =
    key.createdBy === userId &&
    at - key.createdAt < SAME_PRESS &&
    statusAt(key, at) !== 'expired' &&
    (['name', 'mode', 'permissions'] as const).every(
      field => command[field] === undefined || String(command[field]) === String(key[field]),
    )
  const prefix = key.redacted.slice(0, key.redacted.indexOf('…'))
  const plaintext = samePress
    ? chancesOf(caps, { actor: command.actor, form })
        .map(chance => mintSecret(chance, prefix))
        .find(candidate => hashSecret(candidate) === hash)
    : undefined
  if (plaintext) return { key, plaintext, again: true }
  throw new AppError('key.form_used', {
    detail: `No second key was made: this form has already created “${key.name}” (${key.redacted}) and shown it. If you did not save it, expire it and open the form again.`,
  })
}

async function insertFresh(
  tx: Tx,
  { clock, ids, keyBrand, keyLimits }: RestrictedMintCaps,
  command: MintRestrictedKey,
  chance: Random,
): Promise<{ key: Key; plaintext: string }> {
  const { mode, name, permissions, note, expiresAt, addresses, replaces, form } = command
  const { accountId } = command.actor
  if (permissions.length === 0)
    throw new AppError('permission.not_granted', { detail: 'A key needs at least one permission.' })
  if (!command.instead) await requireRoom(tx, { keyLimits }, { accountId, installationId: null, replaces })
  const plaintext = mintSecret(chance, `${keyBrand}r_${mode}_`)
  const key = newKey({
    id: ids.next('key'),
    kind: 'restricted',
    accountId,
    mode,
    name,
    redacted: redactSecret(plaintext),
    permissions,
    expiresAt,
    createdAt: clock.now(),
    replaces,
    note,
    addresses,
    createdBy: command.actor.id,
  })
  const formHash = form === undefined ? null : hashForm(form)
  if (!(await insertKey(tx, key, hashSecret(plaintext), formHash))) throw new AppError('key.form_used')
  return { key, plaintext }
}

function hashForm(form: string): string {
  return createHash('sha256').update(form).digest('base64url')
}

/**
 * Random bytes that are equal for every submit of one form by one member, for each root secret: HMAC in counter mode.
 */
function chancesOf(
  { keyring, random }: RestrictedMintCaps,
  { actor, form }: { actor: Member; form: string },
): Random[] {
  return keyring.derive('restricted-key-of-form').map(secret => {
    let block = 0
    const next = () => {
      block += 1
      return createHmac('sha256', secret)
        .update(JSON.stringify([actor.accountId, actor.id, form, block]))
        .digest()
    }
    return {
      fraction: random.fraction,
      bytes: length => {
        const blocks = Array.from({ length: Math.ceil(length / 32) }, next)
        return Buffer.concat(blocks).subarray(0, length)
      },
    }
  })
}
