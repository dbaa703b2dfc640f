import { basename, dirname, resolve } from 'node:path'

/** Where this platform listens, where Latchkey is, and where its own data is stored. */
export interface Config {
  host: string
  port: number
  /** This platform's own address, as Latchkey and browsers reach it; no slash at its end. */
  url: string
  issuer: string
  registrationToken: string | undefined
  /** A folder for private keys, credentials and received keys. */
  data: string
  sampleApiUrl: string
  manifest: string
  /** An SVG file, shown here and in the marketplace. */
  logo: string
  /** Where *Install* in the marketplace leads: to this platform, or straight to Latchkey's consent page. */
  installStarts: 'here' | 'at_latchkey'
  name: string | undefined
}

const defaultManifest = resolve(import.meta.dirname, '../../apps-registry/manifests/shipyard-hosting.json')

/** Reads the environment; throws one error that lists every fault. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const port = Number(env['PORT'] ?? 3001)
  // The URL is registered with Latchkey, so it must be the same at every start: no PORT=0.
  if (!Number.isInteger(port) || port < 1 || port > 65535) faults.push('PORT must be a number from 1 to 65535')
  const host = env['HOST'] ?? '127.0.0.1'
  const address = (name: string, fallback = '') => {
    const value = env[name] || fallback
    if (!/^https?:\/\//.test(value) || !URL.canParse(value))
      faults.push(`${name} must be an address that begins with https:// or http://`)
    return value.replace(/\/+$/, '')
  }
  const manifest = env['MANIFEST'] ? resolve(env['MANIFEST']) : defaultManifest
  const installStarts = env['INSTALL_STARTS'] ?? 'here'
  if (installStarts !== 'here' && installStarts !== 'at_latchkey') {
    faults.push('INSTALL_STARTS must be here or at_latchkey')
  }
  const config: Config = {
    host,
    port,
    url: address('PLATFORM_URL', `http://${host}:${port}`),
    issuer: address('LATCHKEY_ISSUER'),
    registrationToken: env['LATCHKEY_REGISTRATION_TOKEN'],
    data: resolve(env['PLATFORM_DATA'] ?? './data/sample-platform'),
    sampleApiUrl: address('SAMPLE_API_URL'),
    manifest,
    logo: env['LOGO']
      ? resolve(env['LOGO'])
      : resolve(dirname(manifest), 'logos', `${basename(manifest, '.json')}.svg`),
    installStarts: installStarts === 'at_latchkey' ? 'at_latchkey' : 'here',
    name: env['PLATFORM_NAME'],
  }
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return config
}
