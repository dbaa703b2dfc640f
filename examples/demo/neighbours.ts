import { join } from 'node:path'
import { readConfig } from '../sample-platform/config.ts'
import { type Platform, startPlatform } from '../sample-platform/start.ts'
import { freePort } from './free-port.ts'

const MANIFESTS = join(import.meta.dirname, '../../apps-registry/manifests')

/** The other platforms of the demo's marketplace, all in one process: `NEIGHBOURS` is name=registration token, comma-separated. */
const platforms: Platform[] = []
for (const neighbour of (process.env['NEIGHBOURS'] ?? '').split(',')) {
  const [name = '', token] = neighbour.split('=')
  const config = readConfig({
    ...process.env,
    PORT: await freePort('0'),
    PLATFORM_URL: '',
    MANIFEST: join(MANIFESTS, `${name}.json`),
    INSTALL_STARTS: 'at_latchkey',
    LATCHKEY_REGISTRATION_TOKEN: token,
    PLATFORM_DATA: join(process.env['PLATFORM_DATA'] ?? '.', name),
  })
  platforms.push(await startPlatform(config))
}
console.log(platforms.map(platform => `${platform.name} (${platform.clientId})`).join(', '))
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => void Promise.all(platforms.map(platform => platform.stop())).then(() => process.exit(0)))
}
