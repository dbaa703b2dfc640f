/** The life of an installation (PRODUCT "States"). */
export type InstallationStatus = 'installing' | 'active' | 'delivery_failed' | 'suspended' | 'uninstalled'

/** Which state each verb may start from, and where it leads. Suspension is two flags beside the state, not a state. */
export const INSTALLATION_TRANSITIONS = {
  activate: { from: ['installing'], to: 'active' },
  fail: { from: ['installing'], to: 'delivery_failed' },
  retry: { from: ['delivery_failed'], to: 'installing' },
  uninstall: { from: ['installing', 'active', 'delivery_failed'], to: 'uninstalled' },
} as const satisfies Record<string, { from: readonly StoredStatus[]; to: StoredStatus }>

export type InstallationVerb = keyof typeof INSTALLATION_TRANSITIONS

/** What stands in the row; `suspended` is derived from the flags. */
export type StoredStatus = Exclude<InstallationStatus, 'suspended'>
