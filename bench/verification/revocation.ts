/**
 * From the response of *Expire* to the first refusal, in the process that served it and in another one on the same database:
 * each process verifies the key without a pause, one request at a time, before, during and after *Expire*. A verification that
 * starts after the response of *Expire* and returns "valid" is late.
 */
import { Client } from 'undici'
import { freePort } from '../../tests/support/free-port.ts'
import { createAuthorizationClient } from '../authorization-client.ts'
import { startChild } from '../child-server.ts'
import { openDatabases } from '../databases.ts'
import { startKeyReceiver } from '../key-receiver.ts'
import { installFor, isValid, press } from '../portal-calls.ts'
import { percentile, rounded } from '../statistics.ts'
import { benchKey, benchKeyId } from './bench-keys.ts'
import { fillKeys } from './fill-keys.ts'
import { prepare } from './prepare.ts'
import { printTable } from './table.ts'

type Watched = { times: number[]; late: number }
/** Results by process: the one that served *Expire*, and the other. */
type Seen = { here: Watched; there: Watched }

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
    const of = await installFor(client, cookie)
    await client.close()
    await fillKeys({ database, appId: app.id, keys: count, real: count, of })

    const [browser, here] = [new Client(origin), new Client(origin)]
    const there = new Client(`http://127.0.0.1:${elsewhere.PORT}`)
    const ask = (to: Client, key: string) => isValid(to, verifierKey, key)
    const seen: Seen = { here: { times: [], late: 0 }, there: { times: [], late: 0 } }
    for (let index = 0; index < count; index += 1) {
      const key = benchKey(index)
      for (const to of [here, there]) if (!(await ask(to, key))) throw new Error('a good key was refused')
      const watches = { here: askUntilRefused(() => ask(here, key)), there: askUntilRefused(() => ask(there, key)) }
      const answered = await press(browser, { origin, cookie }, `/keys/${benchKeyId(index)}/expire`)
      for (const name of ['here', 'there'] as const) note(seen[name], await watches[name], answered)
    }
    await Promise.all([browser, here, there].map(each => each.close()))
    await server.stop()
    await other.stop()
    printSeen(`${kind}, ${count} keys`, seen)
  } finally {
    receiver.close()
    await databases.close()
  }
}

/** When the first refusal arrived, and when the last verification that returned "valid" started. */
type Refused = { refusedAt: number; lastAsked: number }

async function askUntilRefused(ask: () => Promise<boolean>): Promise<Refused> {
  for (let lastAsked = 0; ; ) {
    const asked = performance.now()
    if (!(await ask())) return { refusedAt: performance.now(), lastAsked }
    lastAsked = asked
  }
}

function note(watched: Watched, { refusedAt, lastAsked }: Refused, answered: number): void {
  watched.times.push(Math.max(0, refusedAt - answered))
  if (lastAsked > answered) watched.late += 1
}

function printSeen(what: string, seen: Seen): void {
  printTable(
    `From the answer of Expire to the first refusal, ${what}, in milliseconds, one round trip included`,
    Object.entries(seen).map(([name, { times, late }]) => ({
      process: name === 'here' ? 'the same' : 'another',
      p50: rounded(percentile(times, 0.5), 2),
      p99: rounded(percentile(times, 0.99), 2),
      worst: rounded(Math.max(...times), 2),
      'let in after the answer': late,
    })),
  )
}
