import { join } from 'node:path'
import { readJsonFile, writeJsonFile } from './json-file.ts'

/** A managed key as this platform holds it. */
export interface HeldKey {
  id: string
  name: string
  redacted: string
  permissions: string[]
  status: 'active' | 'expiring' | 'kept' | 'expired'
  expires_at: string | null
  /** Sequence of the event that last said something about this key. */
  sequence: number
  /** The key itself, locked with the storage key; null once it is of no use. */
  locked: string | null
}

export interface Installation {
  id: string
  generation: number
  account_id: string
  account_name: string | null
  mode: 'live' | 'test'
  status: 'connecting' | 'active' | 'suspended' | 'uninstalled'
  /** Sequence of the event that last said something about the installation itself. */
  sequence: number
  keys: HeldKey[]
}

export interface ReceivedEvent {
  id: string
  type: string
  received_at: string
  installation_id: string | null
  sequence: number | null
  /** False for an event that came too late to mean anything. */
  applied: boolean
}

export interface State {
  installations: Installation[]
  /** Newest first; long enough to recognise a repetition. */
  events: ReceivedEvent[]
}

export interface Store {
  read(): State
  /** Changes a copy and writes it; when it resolves the change is on disk. Changes come one after another. */
  update(change: (state: State) => void): Promise<void>
  /** Resolves when everything asked for so far is on disk. */
  settled(): Promise<void>
}

/** Opens `state.json`, mode 0600: installations, their keys, and the events received. */
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
