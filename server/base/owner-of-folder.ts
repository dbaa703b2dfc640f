import { chownSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Gives a file that root has just created to the owner of its folder: a command run by an administrator must not leave files
 * that the server's user cannot open. Does nothing for other users.
 */
export function giveToOwnerOfFolder(file: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(dirname(file))
  chownSync(file, uid, gid)
}
