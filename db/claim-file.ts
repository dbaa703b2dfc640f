import { accessSync, chmodSync, closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { FileFault } from '../server/base/errors.ts'
import { giveToOwnerOfFolder } from '../server/base/owner-of-folder.ts'

/**
 * Creates SQLite's file if there is none, and makes it private before SQLite opens it: the log beside it gets the same mode.
 * Throws `FileFault` if this user may not write the file or its folder, which contains that log.
 */
export function claimFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const made = !existsSync(file)
    closeSync(openSync(file, 'a', 0o600))
    if (made) giveToOwnerOfFolder(file) // SQLite does the same for the files beside it
    chmodSync(file, 0o600)
    accessSync(dirname(file), constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new FileFault(file, cause)
  }
}
