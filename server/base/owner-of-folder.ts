import { chownSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Gives a file that root has just made to the owner of its folder: a command that an administrator runs must not leave
 * files that the server's own user cannot open. Does nothing for other users.
 */
export function giveToOwnerOfFolder(file: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(dirname(file))
  chownSync(file, uid, gid)
}
