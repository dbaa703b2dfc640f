import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'

/** Milliseconds that one file may take. */
const FILE_TIMEOUT = 10 * 60_000
/** Milliseconds after the last test in which everything that the tests opened must be closed. */
const CLOSE_TIMEOUT = 20_000

/**
 * Runs test files one after the other in this process, each as one test that contains the file's own, so that the server's
 * modules are loaded and compiled once for all of them. What is left open afterwards fails the group and is named.
 *
 * @param files absolute paths
 */
export function runFileGroup(files: readonly string[]): void {
  for (const file of files) {
    const name = file.slice(file.lastIndexOf('tests/'))
    void test(name, { timeout: FILE_TIMEOUT }, async () => void (await import(pathToFileURL(file).href)))
  }
  after(() => setTimeout(failStillOpen, CLOSE_TIMEOUT).unref())
}

function failStillOpen(): void {
  console.error(`Still open after the last test: ${process.getActiveResourcesInfo().join(', ')}`)
  process.exit(1)
}
