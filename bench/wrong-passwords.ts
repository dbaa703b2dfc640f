/**
 * What strangers who guess passwords cost everybody else: warm and cold verification and an owner's *Expire*, calm and under
 * 1,000 wrong passwords a minute from 100 addresses, in turn in one run, on both databases. About 25 seconds each.
 *
 *   node bench/wrong-passwords.ts [--sqlite | --postgres] [--seconds=N]
 */
import { parseArgs } from 'node:util'
import { Client, Pool } from 'undici'
import { createAuthorizationClient } from './authorization-client.ts'
import { startChild } from './child-server.ts'
import { openDatabases } from './databases.ts'
import { startKeyReceiver } from './key-receiver.ts'
import { percentile, rounded } from './statistics.ts'
import { benchKey, benchKeyId } from './verification/bench-keys.ts'
import { fillKeys } from './verification/fill-keys.ts'
import { prepare } from './verification/prepare.ts'
import { printTable } from './verification/table.ts'

const KEYS = 6_000
const EXPIRED_FROM = 5_000
const PER_MINUTE = 1_000
const ADDRESSES = 100

const { values: flags } = parseArgs({
  options: {
    sqlite: { type: 'boolean' },
    postgres: { type: 'boolean' },
    seconds: { type: 'string', default: '5' },
  },
})
const both = Boolean(flags.sqlite) === Boolean(flags.postgres)
for (const kind of ['sqlite', 'postgres'] as const) if (both || flags[kind]) await measure(kind, Number(flags.seconds))

type Times = { warm: number[]; cold: number[]; expire: number[] }

async function measure(kind: 'sqlite' | 'postgres', seconds: number): Promise<void> {
  const [databases, receiver] = [await openDatabases(kind), await startKeyReceiver()]
  try {
    const prepared = await prepare(databases, receiver, { keys: 0 })
    const { verifierKey, app, cookie, database } = prepared
    const origin = prepared.env['PUBLIC_URL'] ?? ''
    const server = await startChild({
      script: 'server/main.ts',
      env: { ...prepared.env, RATE_LIMITS: 'on', TRUST_PROXY: '1' },
    })
    const endpoints = { authorization: '/oauth/authorize', token: '/oauth/token' }
    const client = createAuthorizationClient(origin, endpoints, app, 1)
    const { tokens } = await client.authorize(cookie)
    await client.close()
    const [detail] = tokens['authorization_details'] as { account_id: string; installation_id: string }[]
    const of = { accountId: detail?.account_id ?? '', installationId: detail?.installation_id ?? '' }
    await fillKeys({ database, appId: app.id, keys: KEYS, real: KEYS, of })
    const [verifier, owner, strangers] = [new Client(origin), new Client(origin), new Pool(origin, { connections: 64 })]
    let [cold, expired, tried] = [1, EXPIRED_FROM, 0]

    const timed = async (times: number[], work: () => Promise<unknown>) => {
      const from = performance.now()
      await work()
      times.push(performance.now() - from)
    }
    const verify = async (index: number) => {
      const answer = await verifier.request({
        path: '/v1/keys/verify',
        method: 'POST',
        headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ key: benchKey(index) }),
      })
      if (!((await answer.body.json()) as { valid?: boolean }).valid) throw new Error('a good key was refused')
    }
    const form = { origin, 'sec-fetch-site': 'same-origin' }
    const expire = async (index: number) => {
      const path = `/keys/${benchKeyId(index)}/expire`
      const answer = await owner.request({ path, method: 'POST', headers: { cookie, ...form } })
      await answer.body.dump()
      if (answer.statusCode !== 303) throw new Error(`Expire answered ${answer.statusCode}`)
    }
    const guess = async (number: number) => {
      const answer = await strangers.request({
        path: '/signin',
        method: 'POST',
        headers: {
          ...form,
          'content-type': 'application/x-www-form-urlencoded',
          'x-forwarded-for': `198.51.100.${number % ADDRESSES}`,
        },
        body: `email=person${number}%40example.com&password=wrong+password+here`,
      })
      await answer.body.dump()
      return answer.statusCode
    }

    const phase = async (times: Times, attacked: boolean): Promise<Record<number, number>> => {
      const statuses: Record<number, number> = {}
      const until = performance.now() + seconds * 1_000
      const under = async (every: number, work: () => Promise<unknown>) => {
        for (let due = performance.now(); performance.now() < until; due += every) {
          await new Promise(resolve => setTimeout(resolve, Math.max(0, due - performance.now())))
          await work()
        }
      }
      const answers: Promise<void>[] = []
      const send = async () => {
        tried += 1
        const counted = guess(tried).then(status => {
          statuses[status] = (statuses[status] ?? 0) + 1
        })
        answers.push(counted)
      }
      const verifying = under(10, async () => {
        await timed(times.warm, () => verify(0))
        await timed(times.cold, () => verify(cold++))
      })
      const expiring = under(550, () => timed(times.expire, () => expire(expired++)))
      await Promise.all([verifying, expiring, ...(attacked ? [under(60_000 / PER_MINUTE, send)] : [])])
      await Promise.all(answers)
      return statuses
    }
    const none = (): Times => ({ warm: [], cold: [], expire: [] })
    const [warmUp, calm, attacked] = [none(), none(), none()]
    await phase(warmUp, true)
    const statuses: Record<number, number>[] = []
    for (let round = 0; round < 2; round += 1) {
      await phase(calm, false)
      statuses.push(await phase(attacked, true))
    }
    await Promise.all([verifier.close(), owner.close(), strangers.close()])
    await server.stop()
    printTable(
      `Under ${PER_MINUTE} wrong passwords a minute, ${kind}, milliseconds; the guesses got ${JSON.stringify(statuses)}`,
      (['warm', 'cold', 'expire'] as const).map(what => ({
        what,
        'calm p50': rounded(percentile(calm[what], 0.5), 2),
        'calm p99': rounded(percentile(calm[what], 0.99), 2),
        'attacked p50': rounded(percentile(attacked[what], 0.5), 2),
        'attacked p99': rounded(percentile(attacked[what], 0.99), 2),
        'p99 ratio': rounded(percentile(attacked[what], 0.99) / percentile(calm[what], 0.99), 2),
      })),
    )
  } finally {
    receiver.close()
    await databases.close()
  }
}
