import { createPlatform } from '../../apps-registry/create-platform.ts'
import { moveApp } from '../../apps-registry/move-app.ts'
import { signUp } from '../../server/accounts/sign-up.ts'
import { createAdminKey } from '../../server/admin-keys/admin-keys.ts'
import type { Actor } from '../../server/audit/actor.ts'
import { opaqueToken } from '../../server/base/random.ts'
import { readConfig } from '../../server/config.ts'
import { createDeps } from '../../server/deps.ts'
import { createVerifier } from '../../server/keys/verifiers.ts'

export type Seeds = {
  person(
    email: string,
    accountName: string,
    options?: { operator?: boolean },
  ): Promise<{ email: string; password: string; accountId: string }>
  verifierKey(): Promise<string>
  /** An admin key that may sign customers in. */
  adminKey(): Promise<string>
  /** Creates a platform in a new account and returns its registration token. */
  registrationToken(platformName: string): Promise<string>
  publish(appId: string): Promise<void>
  close(): Promise<void>
}

const PASSWORD = 'northwind demo 2030'
const ACTOR: Actor = { type: 'operator', id: 'demo', ip: '' }

/** Seeds a Latchkey beside its running server with the verbs of its pages and its command line. */
export async function openSeeds(environment: Record<string, string | undefined>): Promise<Seeds> {
  const deps = await createDeps(readConfig(environment))
  const { database } = deps
  return {
    async person(email, accountName, { operator = false } = {}) {
      const passwordHash = await deps.passwords.hash(PASSWORD)
      const { account } = await database.transaction(tx =>
        signUp(tx, deps, { email, passwordHash, accountName, operator, ip: '' }),
      )
      return { email, password: PASSWORD, accountId: account.id }
    },
    async verifierKey() {
      return (await database.transaction(tx => createVerifier(tx, deps, { name: 'Sample API', actor: ACTOR })))
        .verifierKey
    },
    async adminKey() {
      const command = {
        name: 'Operator app',
        scopes: ['sign-in'] as const,
        addresses: null,
        expiresAt: null,
        actor: ACTOR,
      }
      return (await database.transaction(tx => createAdminKey(tx, deps, command))).adminKey
    },
    async registrationToken(name) {
      const passwordHash = await deps.passwords.hash(opaqueToken(deps.random)) // nobody signs in with it
      const email = `team@${name.toLowerCase().replace(/[^a-z]+/g, '-')}.example`
      return await database.transaction(async tx => {
        const { account } = await signUp(tx, deps, { email, passwordHash, accountName: name, ip: '' })
        return (await createPlatform(tx, deps, { accountId: account.id, name, actor: ACTOR })).registrationToken
      })
    },
    publish: async id =>
      void (await database.transaction(tx => moveApp(tx, deps, { id, verb: 'publish', actor: ACTOR }))),
    close: () => deps.close(),
  }
}
