/** Where this API listens and which Latchkey verifies its keys. */
export interface Config {
  host: string
  port: number
  latchkeyUrl: string
  verifierKey: string
}

/** Reads the environment; throws one error that lists every fault. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const port = Number(env['PORT'] ?? 3002)
  if (!Number.isInteger(port) || port < 0 || port > 65535) faults.push('PORT must be a number from 0 to 65535')
  const latchkeyUrl = env['LATCHKEY_URL'] ?? ''
  if (!/^https?:\/\//.test(latchkeyUrl) || !URL.canParse(latchkeyUrl)) {
    faults.push('LATCHKEY_URL must be an address that begins with https:// or http://')
  }
  const verifierKey = env['LATCHKEY_VERIFIER_KEY'] ?? ''
  if (!verifierKey) faults.push('LATCHKEY_VERIFIER_KEY is missing: latchkey verifier create --name "Sample API"')
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return { host: env['HOST'] ?? '127.0.0.1', port, latchkeyUrl: latchkeyUrl.replace(/\/+$/, ''), verifierKey }
}
