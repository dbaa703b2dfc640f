import { type FSWatcher, watch } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** How often the watch is tested with a change of our own, in milliseconds, if no event came. */
const CHECK_MS = 15_000
const ANSWER_MS = 1_000

export type LogWatch = {
  /** Whether the watch reports changes of the log, as far as is known. */
  alive(): boolean
  /** Resolves when that is known for the first time. */
  start(): Promise<void>
  stop(): void
}

/**
 * Watches SQLite's log file, which every commit of any process writes. Some file systems report no changes, and a watch can
 * fail silently; so it tests itself: without an event for a while it sets the log's mode to the same value, which a working
 * watch reports.
 */
export function watchLog(file: string, changed: () => void, tell: (alive: boolean) => void): LogWatch {
  const log = `${file}-wal`
  let watcher: FSWatcher | undefined
  let checking: NodeJS.Timeout | undefined
  let told = false
  let alive = false
  let stopped = false
  let answered: (() => void) | undefined

  function open(): void {
    watcher?.close()
    watcher = undefined
    try {
      watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
        if (name !== null && name !== basename(log)) return
        told = true
        answered?.()
        changed()
      })
      watcher.on('error', () => settle(false))
    } catch {
      settle(false)
    }
  }

  function settle(now: boolean): void {
    if (stopped) return
    alive = now
    tell(now)
  }

  async function check(): Promise<void> {
    if (!told) await provoke()
    if (stopped) return
    settle(told)
    if (!told) open()
    told = false
    checking = setTimeout(() => void check(), CHECK_MS).unref()
  }

  async function provoke(): Promise<void> {
    const answer = new Promise<void>(resolve => {
      answered = resolve
      setTimeout(resolve, ANSWER_MS).unref()
    })
    try {
      await chmod(log, 0o600)
      await answer
    } catch {
      // the log is not at the watched path: other processes write elsewhere
    }
  }

  return {
    alive: () => alive,
    async start() {
      open()
      await check()
    },
    stop() {
      stopped = true
      alive = false
      clearTimeout(checking)
      watcher?.close()
    },
  }
}
