import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FileFault } from './errors.ts'
import { giveToOwnerOfFolder } from './owner-of-folder.ts'
import type { Random } from './random.ts'

export const ROOT_SECRET_FILE = 'root-secret'
const SHORTEST = 32

/**
 * The configured root secrets, or the one in the data folder, created at the first start with mode 0600. Throws `FileFault` if
 * that file cannot be read or created.
 */
export function readRootSecrets(
  config: { secrets: readonly string[]; dataDir: string },
  random: Random,
): readonly string[] {
  if (config.secrets.length > 0) return config.secrets
  const file = join(config.dataDir, ROOT_SECRET_FILE)
  const secret = readOrMake(file, random)
  if (secret.length < SHORTEST) throw new Error(`${ROOT_SECRET_FILE} in the data folder is damaged: it is too short`)
  return [secret]
}

function readOrMake(file: string, random: Random): string {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    if (!existsSync(file)) writeOnce(file, random.bytes(48).toString('base64url'))
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new FileFault(file, cause)
  }
}

/** If two processes start at once, the first one's secret is kept, and the other never reads a partial file. */
function writeOnce(file: string, secret: string): void {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${secret}\n`, { mode: 0o600 })
  try {
    giveToOwnerOfFolder(draft)
    linkSync(draft, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(draft)
  }
}
