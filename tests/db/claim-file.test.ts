import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { claimFile } from '../../db/claim-file.ts'
import { FileFault } from '../../server/base/errors.ts'
import { systemRandom } from '../../server/base/random.ts'
import { readRootSecrets } from '../../server/base/root-secret.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

/** Root may write everywhere, so it runs `work` as another user. */
function asUser<Result>(work: () => Result): Result {
  if (isRoot) process.seteuid?.(NOBODY)
  try {
    return work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

const CASES = [
  { name: 'a read-only file', file: 0o444, folder: 0o700 },
  ...(isRoot ? [] : [{ name: 'a read-only folder', file: 0o600, folder: 0o500 }]), // access(2) checks the real user id
  { name: 'a folder that may not be entered', file: 0o600, folder: 0o600 },
]

for (const { name, file: fileMode, folder: folderMode } of CASES)
  test(`SQLite: ${name} is reported by its name`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-claim-'))
    const file = join(folder, 'latchkey.db')
    try {
      writeFileSync(file, '')
      if (isRoot) for (const path of [file, folder]) chownSync(path, NOBODY, NOBODY)
      asUser(() => claimFile(file))
      chmodSync(file, fileMode)
      chmodSync(folder, folderMode)
      assert.throws(
        () => asUser(() => claimFile(file)),
        (fault: unknown) => fault instanceof FileFault && fault.message.includes(file),
      )
    } finally {
      chmodSync(folder, 0o700)
      rmSync(folder, { recursive: true, force: true })
    }
  })

test('an unreadable root secret is reported by its name', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-secret-'))
  try {
    if (isRoot) chownSync(dataDir, NOBODY, NOBODY)
    const file = join(dataDir, 'root-secret')
    writeFileSync(file, 'x'.repeat(64), { mode: 0o000 })
    assert.throws(
      () => asUser(() => readRootSecrets({ secrets: [], dataDir }, systemRandom)),
      (fault: unknown) => fault instanceof FileFault && fault.message.includes(file),
    )
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})
