import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { moveApp } from '../../apps-registry/move-app.ts'
import { freePort } from '../../examples/demo/free-port.ts'
import { createApp as createSampleApi } from '../../examples/sample-api/app.ts'
import { readConfig } from '../../examples/sample-platform/config.ts'
import { startPlatform } from '../../examples/sample-platform/start.ts'
import { createWorld, type World } from './world.ts'

/** A world with the two example programs, run as by an integrator. */
export type SampleWorld = AsyncDisposable & { world: World; platformUrl: string; appId: string; neighbourId: string }

export async function createSampleWorld(): Promise<SampleWorld> {
  const world = await createWorld({ env: { BRAND_NAME: 'Northwind Pay' } })
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-samples-'))
  const api = createServer(
    createSampleApi({ host: '127.0.0.1', port: 0, latchkeyUrl: world.url, verifierKey: world.verifierKey }),
  )
  await new Promise<void>(resolve => api.listen(0, '127.0.0.1', resolve))
  const start = async (manifest: string, installStarts: string) => {
    const { registrationToken } = await world.platform(manifest)
    const config = readConfig({
      PORT: await freePort('0'),
      LATCHKEY_ISSUER: world.url,
      LATCHKEY_REGISTRATION_TOKEN: registrationToken,
      PLATFORM_DATA: join(folder, manifest),
      SAMPLE_API_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      MANIFEST: join(import.meta.dirname, `../../apps-registry/manifests/${manifest}.json`),
      INSTALL_STARTS: installStarts,
    })
    const platform = await startPlatform(config)
    const actor = { type: 'operator' as const, id: 'tests', ip: '' }
    await world.deps.database.transaction(tx =>
      moveApp(tx, world.deps, { id: platform.clientId, verb: 'publish', actor }),
    )
    return { platform, url: config.url }
  }
  const shipyard = await start('shipyard-hosting', 'here')
  const ledgerlift = await start('ledgerlift', 'at_latchkey')
  return {
    world,
    platformUrl: shipyard.url,
    appId: shipyard.platform.clientId,
    neighbourId: ledgerlift.platform.clientId,
    async [Symbol.asyncDispose]() {
      await Promise.all([shipyard.platform.stop(), ledgerlift.platform.stop()])
      api.closeAllConnections()
      await new Promise(resolve => api.close(resolve))
      await world[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
