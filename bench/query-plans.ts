/**
 * The cost of the statements of every page, operation, runner, sweep and command in a large database: each statement's time,
 * the data it read (pages on PostgreSQL), and its plan. Prints expensive ones.
 *
 *   node bench/query-plans.ts [--postgres] [--analyze] [--only=TEXT] [--all]
 *
 * `--analyze` gathers statistics first, as PostgreSQL's autovacuum does by itself; `--only` selects labels that contain a text;
 * `--all` prints every plan. Takes about a minute.
 */
import { parseArgs } from 'node:util'
import knexModule, { type Knex } from 'knex'
import { startPostgresServer } from '../tests/support/postgres-server.ts'
import { rounded } from './statistics.ts'

const { values: flags } = parseArgs({
  options: {
    postgres: { type: 'boolean' },
    analyze: { type: 'boolean' },
    all: { type: 'boolean' },
    only: { type: 'string', default: '' },
  },
})
/** A statement that reads more is printed. */
const MOST_MS = 10
const MOST_PAGES = 300

const server = flags.postgres ? await startPostgresServer({ durable: false }) : undefined
if (server) process.env['TEST_POSTGRES_URL'] = server.url()
const { createWorld } = await import('../tests/support/world.ts')
const { fillDatabase } = await import('./query-plans/fill-database.ts')
const { occasions } = await import('./query-plans/occasions.ts')

type Statement = { label: string; sql: string; bindings: readonly unknown[]; ms: number }
const seen = new Map<string, Statement>()
let label: string | undefined

watchStatements()
const world = await createWorld({ worker: false })
try {
  const filled = await fillDatabase(world)
  if (flags.analyze) await world.deps.database.knex.raw(server ? 'vacuum analyze' : 'analyze')
  for (const [name, act] of occasions(world, filled)) {
    if (!name.includes(flags.only)) continue
    label = name
    const began = performance.now()
    await act()
    label = undefined
    process.stdout.write(`${String(rounded(performance.now() - began)).padStart(8)} ms  ${name}\n`)
  }
  for (const statement of seen.values()) await report(statement)
} finally {
  await world[Symbol.asyncDispose]()
  await server?.stop()
}

/** Records each statement once, with the longest time it took. */
function watchStatements(): void {
  type Runner = { query(connection: unknown, query: { sql: string; bindings?: unknown[] }): Promise<unknown> }
  const client = (knexModule as unknown as { Client: { prototype: Runner } }).Client.prototype
  const { query } = client
  client.query = async function (this: Runner, connection, statement) {
    const [during, began] = [label, performance.now()]
    const result = await query.call(this, connection, statement)
    const { sql, bindings = [] } = statement
    if (during === undefined || !/^\s*(?:select|with|update|delete|insert)/i.test(sql)) return result
    const ms = performance.now() - began
    const before = seen.get(sql)
    if (!before || before.ms < ms) seen.set(sql, { label: during, sql, bindings, ms })
    return result
  }
}

async function report({ label: where, sql, bindings, ms }: Statement): Promise<void> {
  const { knex } = world.deps.database
  const { plan, pages } = await (server ? postgresPlan(knex, sql, bindings) : sqlitePlan(knex, sql, bindings))
  const heavy = ms > MOST_MS || pages > MOST_PAGES
  if (!flags.all && !heavy) return
  process.stdout.write(
    `\n${heavy ? '!! ' : ''}${where}: ${rounded(ms, 1)} ms, ${pages} pages\n${sql.slice(0, 1_500)}\n`,
  )
  process.stdout.write(`${plan.replaceAll(/^/gm, '    ')}\n`)
}

async function sqlitePlan(knex: Knex, sql: string, bindings: readonly unknown[]) {
  const rows: { detail: string }[] = await knex.raw(`explain query plan ${sql}`, bindings as Knex.RawBinding[])
  return { plan: rows.map(({ detail }) => detail).join('\n'), pages: 0 }
}

/** Runs the statement again and rolls it back. */
async function postgresPlan(knex: Knex, sql: string, bindings: readonly unknown[]) {
  const tx = await knex.transaction()
  try {
    const text = sql.replaceAll(/\$\d+/g, '?')
    const { rows } = await tx.raw(`explain (analyze, buffers, costs off, timing off) ${escaped(text)}`, [
      ...bindings,
    ] as Knex.RawBinding[])
    const plan = (rows as { 'QUERY PLAN': string }[]).map(row => row['QUERY PLAN']).join('\n')
    const [, hit = '0', , read = '0'] = /Buffers: shared(?: hit=(\d+))?( read=(\d+))?/.exec(plan) ?? []
    return { plan, pages: Number(hit) + Number(read) }
  } catch (error) {
    return { plan: `no plan: ${error instanceof Error ? error.message : 'failed'}`, pages: 0 }
  } finally {
    await tx.rollback()
  }
}

/**
 * PostgreSQL's JSON operators with a question mark are not parameters; no statement here uses them, so nothing needs escaping.
 */
function escaped(sql: string): string {
  return sql
}
