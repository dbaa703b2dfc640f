import { join } from 'node:path'
import { readJsonFile, writeJsonFile } from './json-file.ts'

/** A managed key as this platform stores it. */
export interface HeldKey {
  id: string
  name: string
  redacted: string
  permissions: string[]
  status: 'active' | 'expiring' | 'kept' | 'expired'
  expires_at: string | null
  /** Sequence of the latest applied event about this key. */
  sequence: number
  /** The key, encrypted with the storage key; null once it is not usable. */
  locked: string | null
}

export interface Installation {
  id: string
  generation: number
  account_id: string
  account_name: string | null
  mode: 'live' | 'test'
  status: 'connecting' | 'active' | 'suspended' | 'uninstalled'
  /** Sequence of the latest applied event about the installation itself. */
  sequence: number
  keys: HeldKey[]
}

export interface ReceivedEvent {
  id: string
  type: string
  received_at: string
  installation_id: string | null
  sequence: number | null
  /** False for an event that was outdated when it arrived. */
  applied: boolean
}

export interface State {
  installations: Installation[]
  /** Newest first; long enough to detect a repeated event. */
  events: ReceivedEvent[]
}

export interface Store {
  read(): State
  /** Changes a copy of the state and writes it; resolves when it is on disk. Changes run one after another. */
  update(change: (state: State) => void): Promise<void>
  /** Resolves when all changes so far are on disk. */
  settled(): Promise<void>
}

/** Opens `state.json`, mode 0600: installations, their keys, and received events. */
export async function openStore(folder: string): Promise<Store> {
  const path = join(folder, 'state.json')
  let state = (await readJsonFile<State>(path)) ?? { installations: [], events: [] }
  let last = Promise.resolve()
  return {
    read: () => state,
    update: change => {
      const turn = last.then(async () => {
        const next = structuredClone(state)
        change(next)
        await writeJsonFile(path, next)
        state = next
      })
      last = turn.catch(() => undefined)
      return turn
    },
    settled: () => last,
  }
}
