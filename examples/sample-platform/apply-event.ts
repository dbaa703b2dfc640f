import type { InstallationEvent } from './event.ts'
import type { HeldKey, Installation, State } from './store.ts'

/**
 * Applies an event; returns false if it is outdated. Events may be repeated and may overtake each other, so each fact
 * is stored with the `sequence` of its event, and an older one never undoes a newer one. A reinstall is another
 * installation with its own id, so events of an older generation do not affect it.
 */
export function applyEvent(state: State, event: InstallationEvent, locked: string | null, now: Date): boolean {
  const installation = findOrAdd(state, event)
  const applied = apply(installation, event, locked, isReplaced(state, installation))
  forgetDeadKeys(state, now)
  return applied
}

/** Whether the account has reinstalled since. */
export function isReplaced({ installations }: State, { account_id, mode, generation }: Installation): boolean {
  return installations.some(
    other => other.account_id === account_id && other.mode === mode && other.generation > generation,
  )
}

/** Whether a key can still be presented to the API. */
export function isUsable({ status, locked, expires_at }: HeldKey, now: Date): boolean {
  return status !== 'expired' && locked !== null && (expires_at === null || Date.parse(expires_at) > now.getTime())
}

function apply(
  installation: Installation,
  event: InstallationEvent,
  locked: string | null,
  replaced: boolean,
): boolean {
  const { sequence } = event.data
  switch (event.type) {
    case 'installation.created':
    case 'installation.resumed':
      return !replaced && setStatus(installation, 'active', sequence)
    case 'installation.suspended':
      return !replaced && setStatus(installation, 'suspended', sequence)
    case 'installation.updated':
      return update(installation, event.data, sequence)
    case 'managed_key.created':
      return holdKey(installation, event.data.key, locked, sequence, replaced)
    case 'managed_key.rotated': {
      const { replaced: old } = event.data
      if (old) endKey(installation, old.id, 'expiring', old.expires_at, sequence)
      return holdKey(installation, event.data.key, locked, sequence, replaced)
    }
    case 'managed_key.expired':
      return endKey(installation, event.data.key.id, 'expired', null, sequence)
    case 'installation.uninstalled':
      for (const key of event.data.keys) endKey(installation, key.id, key.outcome, key.expires_at, sequence)
      return setStatus(installation, 'uninstalled', sequence)
  }
}

function findOrAdd(state: State, { data }: InstallationEvent): Installation {
  const { id, generation, account_id, account_name, mode } = data.installation
  const known = state.installations.find(installation => installation.id === id)
  if (known) {
    known.account_name ??= account_name
    return known
  }
  const added: Installation = {
    id,
    generation,
    account_id,
    account_name,
    mode,
    status: 'connecting',
    sequence: 0,
    keys: [],
  }
  state.installations.push(added)
  return added
}

function setStatus(installation: Installation, status: Installation['status'], sequence: number): boolean {
  // Uninstalled is final: only a new installation follows it.
  if (sequence <= installation.sequence || installation.status === 'uninstalled') return false
  installation.status = status
  installation.sequence = sequence
  return true
}

type Updated = Extract<InstallationEvent, { type: 'installation.updated' }>['data']

function update(installation: Installation, { installation: { account_name }, keys }: Updated, sequence: number) {
  if (!setStatus(installation, installation.status, sequence)) return false
  installation.account_name = account_name
  for (const { id, permissions } of keys) {
    const key = installation.keys.find(held => held.id === id)
    if (key) key.permissions = permissions
  }
  return true
}

type BroughtKey = Omit<HeldKey, 'status' | 'sequence' | 'locked'>

function holdKey(installation: Installation, key: BroughtKey, locked: string | null, sequence: number, late: boolean) {
  const { id, name, redacted, permissions, expires_at } = key
  const known = installation.keys.find(held => held.id === id)
  if (known) {
    // A later event arrived first with the end of the key; this one brings the key itself. An expired key stays
    // expired.
    if (known.status === 'expired' || known.locked !== null) return false
    Object.assign(known, { name, redacted, permissions, locked })
    return true
  }
  if (late || (installation.status === 'uninstalled' && sequence < installation.sequence)) return false
  const fresh = { id, name, redacted, permissions, expires_at, sequence, locked }
  installation.keys.push({ ...fresh, status: expires_at === null ? 'active' : 'expiring' })
  if (installation.status === 'connecting') installation.status = 'active'
  return true
}

type Fate = 'expiring' | 'kept' | 'expired'

function endKey(at: Installation, id: string, status: Fate, expires_at: string | null, sequence: number): boolean {
  const key = at.keys.find(held => held.id === id)
  if (!key) {
    // The end arrived before the key itself. Store it, so that the key does not count as active later.
    at.keys.push({ id, name: '', redacted: '', permissions: [], status, expires_at, sequence, locked: null })
    return true
  }
  if (key.status === 'expired' || sequence <= key.sequence) return false
  Object.assign(key, { status, expires_at, sequence })
  return true
}

function forgetDeadKeys(state: State, now: Date): void {
  for (const key of state.installations.flatMap(installation => installation.keys)) {
    if (!isUsable(key, now)) key.locked = null
  }
}
