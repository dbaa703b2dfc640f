import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { opaqueToken, systemRandom } from '../../server/base/random.ts'
import { readRootSecrets } from '../../server/base/root-secret.ts'

function folder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'latchkey-secret-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('root secret: created once with mode 0600 in a private folder, and read again afterwards', () => {
  using parent = folder()
  const config = { secrets: [], dataDir: join(parent.path, 'a', 'b') }
  const [made] = readRootSecrets(config, systemRandom)
  assert.ok((made ?? '').length >= 43)
  assert.equal(statSync(join(config.dataDir, 'root-secret')).mode & 0o777, 0o600)
  assert.equal(statSync(config.dataDir).mode & 0o777, 0o700)
  assert.deepEqual(readRootSecrets(config, systemRandom), [made])
  assert.deepEqual(readdirSync(config.dataDir), ['root-secret'])
})

test('root secret: secrets of the environment are used, and nothing is written', () => {
  using parent = folder()
  const secrets = [opaqueToken(systemRandom), opaqueToken(systemRandom)]
  assert.deepEqual(readRootSecrets({ secrets, dataDir: parent.path }, systemRandom), secrets)
  assert.deepEqual(readdirSync(parent.path), [])
})

test('root secret: an empty or truncated file stops the start', () => {
  using parent = folder()
  for (const torn of ['', '\n', 'short']) {
    writeFileSync(join(parent.path, 'root-secret'), torn)
    assert.throws(() => readRootSecrets({ secrets: [], dataDir: parent.path }, systemRandom), /damaged/)
  }
})

test('root secret: processes that start at the same moment agree on one', async () => {
  using parent = folder()
  const dataDir = join(parent.path, 'data')
  const module = (name: string) => JSON.stringify(join(import.meta.dirname, `../../server/base/${name}.ts`))
  const script = `import { readRootSecrets } from ${module('root-secret')}
    import { systemRandom } from ${module('random')}
    process.stdout.write(readRootSecrets({ secrets: [], dataDir: process.argv[1] }, systemRandom)[0])`
  const said = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script, dataDir])
      const [out] = await Promise.all([text(child.stdout), once(child, 'close')])
      return out
    }),
  )
  const kept = readFileSync(join(dataDir, 'root-secret'), 'utf8').trim()
  assert.deepEqual(new Set(said), new Set([kept]))
  assert.deepEqual(readdirSync(dataDir), ['root-secret'])
})
