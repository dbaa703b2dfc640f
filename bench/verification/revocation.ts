/**
 * From the answer of *Expire* to the first refusal, in the process that was pressed and in another one on the same database:
 * each process is asked about the key without a pause, one question at a time, before, while and after it is expired. An
 * answer "valid" to a question that was asked after *Expire* had answered is late.
 */
import { Client } from 'undici'
import { freePort } from '../../tests/support/free-port.ts'
import { createAuthorizationClient } from '../authorization-client.ts'
import { startChild } from '../child-server.ts'
import { openDatabases } from '../databases.ts'
import { startKeyReceiver } from '../key-receiver.ts'
import { percentile, rounded } from '../statistics.ts'
import { benchKey, benchKeyId } from './bench-keys.ts'
import { fillKeys } from './fill-keys.ts'
import { prepare } from './prepare.ts'
import { printTable } from './table.ts'

type Watched = { times: number[]; late: number }

export async function measureRevocation(kind: 'sqlite' | 'postgres', count: number): Promise<void> {
  const [databases, receiver] = [await openDatabases(kind), await startKeyReceiver()]
  try {
    const { env, verifierKey, app, cookie, database } = await prepare(databases, receiver, { keys: 0 })
    const origin = env['PUBLIC_URL'] ?? ''
    const server = await startChild({ script: 'server/main.ts', env })
    const elsewhere = { ...env, PORT: String(await freePort()) }
    const other = await startChild({ script: 'server/main.ts', env: elsewhere })
    const endpoints = { authorization: '/oauth/authorize', token: '/oauth/token' }
    const client = createAuthorizationClient(origin, endpoints, app, 1)
    const { tokens } = await client.authorize(cookie)
    await client.close()
    const [detail] = tokens['authorization_details'] as { account_id: string; installation_id: string }[]
    const of = { accountId: detail?.account_id ?? '', installationId: detail?.installation_id ?? '' }
    await fillKeys({ database, appId: app.id, keys: count, real: count, of })

    const [browser, here, there] = [origin, origin, `http://127.0.0.1:${elsewhere.PORT}`].map(url => new Client(url))
    if (!browser || !here || !there) throw new Error('no client')
    const ask = async (to: Client, key: string): Promise<boolean> => {
      const answer = await to.request({
        path: '/v1/keys/verify',
        method: 'POST',
        headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ key }),
      })
      return ((await answer.body.json()) as { valid: boolean }).valid
    }
    const press = async (index: number): Promise<number> => {
      const answer = await browser.request({
        path: `/keys/${benchKeyId(index)}/expire`,
        method: 'POST',
        headers: { cookie, origin, 'sec-fetch-site': 'same-origin' },
      })
      const at = performance.now()
      await answer.body.dump()
      if (answer.statusCode !== 303) throw new Error(`Expire answered ${answer.statusCode}`)
      return at
    }
    const processes = { here, there }
    const seen: Record<keyof typeof processes, Watched> = {
      here: { times: [], late: 0 },
      there: { times: [], late: 0 },
    }
    for (let index = 0; index < count; index += 1) {
      const key = benchKey(index)
      for (const to of [here, there]) if (!(await ask(to, key))) throw new Error('a good key was refused')
      const watch = async (to: Client) => {
        for (let lastAsked = 0; ; ) {
          const asked = performance.now()
          if (!(await ask(to, key))) return { refusedAt: performance.now(), lastAsked }
          lastAsked = asked
        }
      }
      const watches = { here: watch(here), there: watch(there) }
      const answered = await press(index)
      for (const name of ['here', 'there'] as const) {
        const { refusedAt, lastAsked } = await watches[name]
        seen[name].times.push(Math.max(0, refusedAt - answered))
        if (lastAsked > answered) seen[name].late += 1
      }
    }
    await Promise.all([browser, here, there].map(each => each.close()))
    await server.stop()
    await other.stop()
    printTable(
      `From the answer of Expire to the first refusal, ${kind}, ${count} keys, in milliseconds, one round trip included`,
      Object.entries(seen).map(([name, { times, late }]) => ({
        process: name === 'here' ? 'the same' : 'another',
        p50: rounded(percentile(times, 0.5), 2),
        p99: rounded(percentile(times, 0.99), 2),
        worst: rounded(Math.max(...times), 2),
        'let in after the answer': late,
      })),
    )
  } finally {
    receiver.close()
    await databases.close()
  }
}
