import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'

/** Milliseconds that one file may take. */
const FILE_TIMEOUT = 10 * 60_000
/** Milliseconds after the last test within which everything that the tests opened must be closed. */
const CLOSE_TIMEOUT = 20_000

/** What the files of a group share, by name, and how it is closed; absent where a file is run by itself. */
let shared: Map<string, () => Promise<void>> | undefined

/** Closes what has this name after the last file of the group. Returns false, and does nothing, outside a group. */
export function afterGroup(name: string, close: () => Promise<void>): boolean {
  shared?.set(name, close)
  return shared !== undefined
}

/**
 * Runs test files one after the other in this process, each as one test that contains the file's own, so that the server's
 * modules are loaded and compiled once for all of them. What is left open afterwards fails the group and is named.
 *
 * @param files absolute paths
 */
export function runFileGroup(files: readonly string[]): void {
  const closers = new Map<string, () => Promise<void>>()
  shared = closers
  for (const file of files) {
    const name = file.slice(file.lastIndexOf('tests/'))
    void test(name, { timeout: FILE_TIMEOUT }, async () => void (await import(pathToFileURL(file).href)))
  }
  after(async () => {
    setTimeout(failStillOpen, CLOSE_TIMEOUT).unref()
    for (const close of closers.values()) await close()
  })
}

function failStillOpen(): void {
  console.error(`Still open after the last test: ${process.getActiveResourcesInfo().join(', ')}`)
  process.exit(1)
}
