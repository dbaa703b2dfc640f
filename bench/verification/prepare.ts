import { readConfig } from '../../server/config.ts'
import { createDeps } from '../../server/deps.ts'
import { createVerifier } from '../../server/keys/verifiers.ts'
import { freePort } from '../../tests/support/free-port.ts'
import type { Client } from '../authorization-client.ts'
import { startChild } from '../child-server.ts'
import type { Databases } from '../databases.ts'
import type { KeyReceiver } from '../key-receiver.ts'
import { createPeople, registerApp } from '../setup.ts'
import { fillKeys } from './fill-keys.ts'

/** A Latchkey ready to start, with an app, a verifier key and keys. */
export type Prepared = {
  env: Record<string, string>
  port: number
  verifierKey: string
  app: Client
  /** The duration of the inserts, in milliseconds. */
  filledIn: number
  /** SQLite's file or PostgreSQL's URL. */
  database: string
  /** The person's cookie. */
  cookie: string
}

export async function prepare(
  databases: Databases,
  receiver: KeyReceiver,
  { keys, real = keys }: { keys: number; real?: number },
): Promise<Prepared> {
  const port = await freePort()
  const env = {
    ...(await databases.next()),
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    EGRESS_ALLOW: '127.0.0.1/32',
    REVIEW: 'off',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'warn',
  }
  const { cookies, registrationToken } = await createPeople(env, 1)
  const server = await startChild({ script: 'server/main.ts', env })
  const app = await registerApp(env.PUBLIC_URL, registrationToken, receiver)
  await server.stop()
  const deps = await createDeps(readConfig(env))
  const actor = { type: 'operator' as const, id: 'bench', ip: '' }
  const { verifierKey } = await deps.database.transaction(tx => createVerifier(tx, deps, { name: 'bench', actor }))
  const database = deps.config.database.kind === 'sqlite' ? deps.config.database.file : deps.config.database.url
  await deps.close()
  const from = performance.now()
  if (keys > 0) await fillKeys({ database, appId: app.id, keys, real })
  const filledIn = performance.now() - from
  return { env, port, verifierKey, app, filledIn, database, cookie: cookies[0] ?? '' }
}
