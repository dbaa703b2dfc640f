/**
 * Counts the events that a poller of GET /v1/events misses, and prints one table; about a minute per database.
 *
 *   node bench/events.ts [--sqlite | --postgres] [--events=2000] [--minters=6] [--every=0]
 *
 * An app's installations mint keys, `minters` at once, over HTTP, against one process and then against two processes on one
 * database. A poller lists events after the last id it knows from the same processes in turn, every `every` milliseconds
 * (0: without a pause), until a page is empty twice after the last mint. Events that a list from the beginning then has and
 * the poller never saw are missed.
 */
import { parseArgs } from 'node:util'
import { freePort } from '../tests/support/free-port.ts'
import { type ChildServer, startChild } from './child-server.ts'
import { openDatabases } from './databases.ts'
import { inFlight } from './in-flight.ts'
import { startKeyReceiver } from './key-receiver.ts'
import { type Minting, mintKey, prepareMinting } from './minting.ts'
import { createPeople } from './setup.ts'
import { rounded } from './statistics.ts'
import { printTable } from './verification/table.ts'

const INSTALLATIONS = 24
const PAGE = 100

const { values: flags } = parseArgs({
  options: {
    sqlite: { type: 'boolean' },
    postgres: { type: 'boolean' },
    events: { type: 'string', default: '2000' },
    minters: { type: 'string', default: '6' },
    every: { type: 'string', default: '0' },
  },
})
const both = Boolean(flags.sqlite) === Boolean(flags.postgres)
const rows: Record<string, string | number>[] = []
for (const kind of ['sqlite', 'postgres'] as const)
  if (both || flags[kind]) for (const nodes of [1, 2]) rows.push(await measure(kind, nodes))
printTable(`events that a poller never saw, ${flags.minters} mints at once`, rows)

type Target = Minting & { origins: string[] }

async function measure(kind: 'sqlite' | 'postgres', nodes: number): Promise<Record<string, string | number>> {
  const [databases, receiver] = [await openDatabases(kind), await startKeyReceiver()]
  const servers: ChildServer[] = []
  try {
    const ports = [await freePort(), await freePort()].slice(0, nodes)
    const origins = ports.map(port => `http://127.0.0.1:${port}`)
    const settings = { EGRESS_ALLOW: '127.0.0.1/32', REVIEW: 'off', RATE_LIMITS: 'off', LOG_LEVEL: 'warn' }
    const env = { ...(await databases.next()), ...settings, PUBLIC_URL: origins[0] ?? '', ROLES: 'web' }
    const { cookies, registrationToken } = await createPeople({ ...env, PORT: String(ports[0]) }, INSTALLATIONS)
    for (const port of ports)
      servers.push(await startChild({ script: 'server/main.ts', env: { ...env, PORT: String(port) } }))
    const minting = await prepareMinting(origins[0] ?? '', { registrationToken, cookies }, receiver)
    const target = { origins, ...minting }
    return { database: kind, nodes, ...(await poll(target)) }
  } finally {
    for (const server of servers) await server.stop()
    receiver.close()
    await databases.close()
  }
}

async function poll(target: Target): Promise<Record<string, number>> {
  const seen: string[] = []
  const from = performance.now()
  let [minting, polls, empty] = [true, 0, 0]
  const minted = mintAll(target).finally(() => {
    minting = false
  })
  while (empty < 2) {
    const page = await list(target, polls, seen.at(-1))
    seen.push(...page)
    polls += 1
    empty = page.length === 0 && !minting ? empty + 1 : 0
    if (page.length < PAGE && Number(flags.every) > 0)
      await new Promise(resolve => setTimeout(resolve, Number(flags.every)))
  }
  await minted
  const seconds = (performance.now() - from) / 1_000
  const all: string[] = []
  for (let page = await list(target, 0); page.length > 0; page = await list(target, 0, all.at(-1))) all.push(...page)
  const known = new Set(seen)
  return {
    events: all.length,
    'never seen': all.filter(id => !known.has(id)).length,
    'seen twice': seen.length - known.size,
    polls,
    'events a second': rounded(all.length / seconds, 0),
  }
}

async function mintAll({ origins, token, installations }: Target): Promise<void> {
  const numbers = Array.from({ length: Number(flags.events) }, (_, index) => index)
  await inFlight(numbers, Number(flags.minters), async index => {
    const installation = installations[index % installations.length] ?? ''
    const origin = origins[index % origins.length] ?? ''
    const { status } = await mintKey(origin, { token, installation, name: `key ${index}` })
    if (status !== 201) throw new Error(`not minted: ${status}`)
  })
}

async function list({ origins, token }: Target, turn: number, after?: string): Promise<string[]> {
  const query = new URLSearchParams({ limit: String(PAGE), ...(after && { after }) })
  const answer = await fetch(`${origins[turn % origins.length]}/v1/events?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  if (!answer.ok) throw new Error(`not listed: ${answer.status}`)
  const { data } = (await answer.json()) as { data: { id: string }[] }
  return data.map(({ id }) => id)
}
