import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join as path } from 'node:path'
import { test } from 'node:test'
import { writeToMembers } from '../../server/accounts/write-to-members.ts'
import { sweep } from '../../server/sweep.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { startServer } from '../deliveries/server-process.ts'
import { eventually } from '../support/eventually.ts'
import { join, rowsOf } from '../support/steps.ts'
import { createWorld, type Person, type World } from '../support/world.ts'
import { readMessage, startSmtpServer } from './smtp-server.ts'

const letter = (name: string) => ({
  kind: 'key-leaked' as const,
  subject: `Größe & <Maß> of ${name}`,
  preview: 'A preview.',
  heading: 'A & <B>',
  lede: `It’s about ${name}.`,
  facts: [{ name: 'When', lines: ['now', 'and <then>'] }],
  link: { text: 'See it', path: '/keys?a=1&b=2' },
  after: 'That’s all.',
})

const write = ({ deps }: Pick<World, 'deps'>, { accountId }: Person, audience: 'owners' | 'managers' = 'managers') =>
  deps.database.transaction(tx => writeToMembers(tx, deps, { accountId, audience }, letter))

const messagesIn = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder) : []).map(name => readMessage(readFileSync(path(folder, name), 'utf8')))

test('without SMTP_URL a mail is a file: text and HTML, from no-reply, readable by its owner only', async () => {
  await using world = await createWorld({ worker: false, env: { BRAND_NAME: 'Northwind Pay' } })
  const owner = await world.person({ accountName: 'Fish & <Chips>' })
  await write(world, owner)
  const folder = path(world.dataDir, 'mail')
  assert.equal(existsSync(folder), false, 'nothing is sent in the transaction')
  assert.equal(await world.deps.mailer.sendDue(), undefined)
  const [name = ''] = readdirSync(folder)
  assert.match(name, /^mail_[0-9a-z]{26}\.eml$/)
  assert.equal(statSync(path(folder, name)).mode & 0o777, 0o600)
  const [message] = messagesIn(folder)
  assert.equal(message?.headers.get('to'), owner.email)
  assert.equal(message?.headers.get('from'), 'Northwind Pay <no-reply@127.0.0.1>')
  assert.equal(message?.headers.get('subject'), 'Größe & <Maß> of Fish & <Chips>')
  assert.equal(message?.headers.get('auto-submitted'), 'auto-generated')
  assert.match(message?.text ?? '', /^A & <B>\n\nIt’s about Fish & <Chips>\.\n\nWhen {14}now\n {18}and <then>\n/)
  assert.ok(message?.text.includes(`See it: ${world.url}/keys?a=1&b=2`))
  assert.match(message?.text ?? '', /Northwind Pay sent this to the owners and admins of Fish & <Chips>\./)
  assert.ok(message?.html.includes('<h1>A &amp; &lt;B&gt;</h1>') && message.html.includes('now<br />and &lt;then&gt;'))
  assert.ok(message?.html.includes(`href="${world.url}/keys?a=1&amp;b=2"`))
  assert.deepEqual(await rowsOf(world, 'mails'), [], 'sent mails are deleted')
})

test('owners and admins get one each, or owners only; others get none', async () => {
  await using smtp = await startSmtpServer()
  await using world = await createWorld({ worker: false, env: { SMTP_URL: `${smtp.url}?from=apps@example.com` } })
  const owner = await world.person()
  for (const role of ['admin', 'developer', 'viewer'] as const) await join(world, await world.person(), owner, role)
  await write(world, owner)
  await world.deps.mailer.sendDue()
  assert.deepEqual(smtp.handed.map(({ to }) => to).toSorted(), [[owner.email], ['person2@example.com']])
  assert.ok(smtp.handed.every(({ from }) => from === 'apps@example.com'))
  await write(world, owner, 'owners')
  await world.deps.mailer.sendDue()
  assert.deepEqual(
    smtp.handed.slice(2).map(({ to }) => to),
    [[owner.email]],
  )
})

test('a rolled-back transaction sends nothing', async () => {
  await using world = await createWorld({ worker: false })
  const owner = await world.person()
  const undone = world.deps.database.transaction(async tx => {
    await writeToMembers(tx, world.deps, { accountId: owner.accountId, audience: 'owners' }, letter)
    throw new Error('undone')
  })
  await assert.rejects(undone, /undone/)
  await world.deps.mailer.sendDue()
  assert.equal(existsSync(path(world.dataDir, 'mail')), false)
})

test('a server that is down, then drops the connection, gets the same message later; one refusal delays no other', async () => {
  await using smtp = await startSmtpServer()
  await using world = await createWorld({ worker: false, env: { SMTP_URL: smtp.url } })
  const owner = await world.person()
  await join(world, await world.person(), owner, 'admin')
  smtp.refuse('550 no such person', '451 later')
  await write(world, owner)
  const next = await world.deps.mailer.sendDue()
  assert.ok(next && next > world.clock.now(), 'it waits before it retries')
  assert.equal(smtp.handed.length, 0)
  const rows = await rowsOf(world, 'mails')
  assert.equal(rows.filter(row => row['failed_at'] !== null).length, 1, 'refused permanently')
  assert.ok(world.logs.some(line => line.includes('no such person') && line.includes('given up')))
  smtp.drop(1)
  world.clock.advance(90_000)
  await world.deps.mailer.sendDue()
  assert.equal(smtp.handed.length, 0)
  world.clock.advance(600_000)
  await world.deps.mailer.sendDue()
  assert.equal(smtp.handed.length, 1)
  assert.match(smtp.handed[0]?.message ?? '', /^Message-ID: <mail_[0-9a-z]{26}@127\.0\.0\.1>$/m)
})

test('a server that stays away: the mail is given up after the schedule, logged, and swept a month later', async () => {
  await using smtp = await startSmtpServer()
  await using world = await createWorld({ worker: false, env: { SMTP_URL: smtp.url } })
  const owner = await world.person()
  smtp.refuse(...Array.from({ length: 9 }, () => '451 later'))
  await write(world, owner)
  for (let attempt = 0; attempt < 9; attempt += 1) {
    await world.deps.mailer.sendDue()
    world.clock.advance(86_400_000)
  }
  const [row] = await rowsOf(world, 'mails')
  assert.deepEqual([row?.['attempts'], typeof row?.['failed_at']], [9, 'number'])
  world.clock.advance(31 * 86_400_000)
  assert.equal((await sweep(world.deps)).mails, 1)
})

test('several processes send each mail once', async () => {
  await using smtp = await startSmtpServer()
  await using world = await createWorld({ worker: false, env: { SMTP_URL: smtp.url } })
  await using beside = await nodeBeside(world, { SMTP_URL: smtp.url })
  const owner = await world.person()
  for (let count = 0; count < 12; count += 1) await write(world, owner)
  await Promise.all([world.deps.mailer.sendDue(), beside.deps.mailer.sendDue(), world.deps.mailer.sendDue()])
  assert.equal(smtp.handed.length, 12)
  assert.equal(new Set(smtp.handed.map(({ message }) => readMessage(message).headers.get('message-id'))).size, 12)
})

test('a mail claimed by a killed process is sent by the next one', async () => {
  await using world = await createWorld({ worker: false })
  const owner = await world.person()
  await write(world, owner)
  const taken = { lease: 'of a dead process', lease_until: world.clock.now() + 60_000 }
  await world.deps.database.knex('mails').update(taken)
  assert.equal(await world.deps.mailer.sendDue(), taken.lease_until)
  world.clock.advance(61_000)
  await world.deps.mailer.sendDue()
  assert.equal(messagesIn(path(world.dataDir, 'mail')).length, 1)
})

test('a running server sends mails that another process has queued', async () => {
  await using world = await createWorld({ worker: false })
  const owner = await world.person()
  await using server = await startServer(world, { ROLES: 'web,worker' })
  await write(world, owner)
  await eventually(() => messagesIn(path(world.dataDir, 'mail')).length === 1)
  assert.ok(server.url)
})

test('a mail accepted while the database was away is not posted again, and delays no other', async () => {
  await using smtp = await startSmtpServer()
  await using world = await createWorld({ worker: false, env: { SMTP_URL: smtp.url } })
  for (const person of [await world.person(), await world.person()]) await write(world, person)
  const { database, mailer } = world.deps
  const { transaction } = database
  let calls = 0
  database.transaction = work => {
    calls += 1
    return calls === 2 ? Promise.reject(new Error('away')) : transaction(work) // the claim succeeds
  }
  await assert.rejects(mailer.sendDue(), /away/)
  database.transaction = transaction
  assert.equal(smtp.handed.length, 2)
  assert.equal((await rowsOf(world, 'mails')).length, 1)
  world.clock.advance(10 * 60_000)
  await mailer.sendDue()
  assert.equal(smtp.handed.length, 2)
  assert.deepEqual(await rowsOf(world, 'mails'), [])
})
