import { type AppStatus, stopsKeys } from '../../apps-registry/app-states.ts'

/** The states of an installation (docs/rules.md#states). */
export type InstallationStatus = 'installing' | 'active' | 'delivery_failed' | 'suspended' | 'uninstalled'

/**
 * The states from which each verb may start, and the state it leads to. Suspension is two flags beside the state, not a state.
 */
export const INSTALLATION_TRANSITIONS = {
  activate: { from: ['installing'], to: 'active' },
  fail: { from: ['installing'], to: 'delivery_failed' },
  retry: { from: ['delivery_failed'], to: 'installing' },
  uninstall: { from: ['installing', 'active', 'delivery_failed'], to: 'uninstalled' },
} as const satisfies Record<string, { from: readonly StoredStatus[]; to: StoredStatus }>

export type InstallationVerb = keyof typeof INSTALLATION_TRANSITIONS

/** The column's values; `suspended` is derived from the flags. */
export type StoredStatus = Exclude<InstallationStatus, 'suspended'>

/** A suspension has two independent flags: the account's, and one that the platform or the operator sets. */
export type SuspendedBy = 'account' | 'platform' | 'operator'

type Suspendable = { status: InstallationStatus; suspendedBy: SuspendedBy[] }

/** An installation as its keys are judged: it also counts as suspended, by the operator, while its app is suspended. */
export function asJudged<Found extends Suspendable>(installation: Found, appStatus: AppStatus): Found {
  const { status, suspendedBy } = installation
  if (!stopsKeys(appStatus) || suspendedBy.includes('operator')) return installation
  return {
    ...installation,
    status: status === 'active' ? 'suspended' : status,
    suspendedBy: [...suspendedBy, 'operator'],
  }
}
