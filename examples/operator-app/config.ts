/** Where this product listens, and the Latchkey that it hands its customers over to. */
export interface Config {
  host: string
  port: number
  latchkeyUrl: string
  adminKey: string
}

/** Reads the environment; throws one error that lists every fault. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const port = Number(env['PORT'] ?? 3003)
  if (!Number.isInteger(port) || port < 0 || port > 65535) faults.push('PORT must be a number from 0 to 65535')
  const latchkeyUrl = env['LATCHKEY_URL'] ?? ''
  if (!/^https?:\/\//.test(latchkeyUrl)) faults.push('LATCHKEY_URL must be the address of a Latchkey')
  const adminKey = env['LATCHKEY_ADMIN_KEY'] ?? ''
  if (!adminKey) faults.push('LATCHKEY_ADMIN_KEY is missing: latchkey admin-key create --name Shop --scope sign-in')
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return { host: env['HOST'] ?? '127.0.0.1', port, latchkeyUrl: latchkeyUrl.replace(/\/+$/, ''), adminKey }
}
