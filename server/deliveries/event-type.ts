/** The types of events (docs/wire.md#event-types). */
export type EventType =
  | 'installation.created'
  | 'managed_key.created'
  | 'managed_key.rotated'
  | 'managed_key.expired'
  | 'installation.updated'
  | 'installation.suspended'
  | 'installation.resumed'
  | 'installation.uninstalled'
  | 'ping'
