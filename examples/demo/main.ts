import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, startChild } from './child.ts'
import { freePort } from './free-port.ts'
import { openSeeds } from './seeds.ts'

const ROOT = join(import.meta.dirname, '../..')
const NEIGHBOURS = ['formloom', 'ledgerlift', 'tallyboard', 'parcelwise', 'quillmail', 'dunlin', 'agentbench']

/**
 * Shows the whole product: Latchkey, a sample platform, a sample API and a marketplace, each with its own data, which
 * is deleted at the end.
 */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-'))
  const children: Child[] = []
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= stopAll(children, folder))
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().then(() => process.exit(0)))
  try {
    await start(folder, children)
  } catch (error) {
    if (stopping) return
    await stop()
    throw error
  }
}

async function start(folder: string, children: Child[]): Promise<void> {
  const [port, platformPort, apiPort, shopPort] = [
    await freePort(process.env['PORT'] ?? '3000'),
    await freePort('3001'),
    await freePort('3002'),
    await freePort('3003'),
  ]
  const issuer = `http://localhost:${port}`
  const environment = environmentOf(folder, port, issuer, `http://127.0.0.1:${shopPort}`)
  const run = runInto(children)

  say('Starting Latchkey …')
  await run('server/main.ts', environment as Record<string, string>)
  const seeds = await openSeeds(environment)
  try {
    const person = await seeds.person('mara@harborbooks.example', 'Harbor Books')
    const operator = await seeds.person('operator@northwind.example', 'Northwind Pay', { operator: true })
    const api = await run('examples/sample-api/main.ts', {
      PORT: apiPort,
      LATCHKEY_URL: issuer,
      LATCHKEY_VERIFIER_KEY: await seeds.verifierKey(),
    })
    const apiUrl = api.address()
    const shop = await run('examples/operator-app/main.ts', {
      PORT: shopPort,
      LATCHKEY_URL: issuer,
      LATCHKEY_ADMIN_KEY: await seeds.adminKey(),
    })

    say('Registering apps …')
    const settings = { LATCHKEY_ISSUER: issuer, SAMPLE_API_URL: apiUrl }
    const platform = await registerApps(run, seeds, { settings, folder, port: platformPort })
    say(`
Latchkey          ${issuer}
Sample platform   ${platform.address()}
Sample API        ${apiUrl}
Operator app      ${shop.address()}

Sign in as        ${person.email}      password: ${person.password}
or the operator   ${operator.email}   password: ${operator.password}
or, at the operator app alone, nora@lighthousetoys.example with the same password

Open ${issuer}/marketplace, choose an app, press Install. Ctrl+C ends everything.
`)
  } finally {
    await seeds.close()
  }
}

function environmentOf(folder: string, port: string, issuer: string, shop: string) {
  return {
    ...process.env,
    HOST: '127.0.0.1',
    PORT: port,
    PUBLIC_URL: issuer,
    DATA_DIR: join(folder, 'latchkey'),
    DATABASE_URL: '',
    LATCHKEY_SECRET: '',
    EGRESS_ALLOW: '127.0.0.1/32',
    PASSWORDS: 'on',
    SIGN_IN_URL: `${shop}/signin`,
    BRAND_NAME: 'Northwind Pay',
    BRAND_LOGO: join(ROOT, 'views/assets/logos/northwind.svg'),
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn',
  }
}

/** Runs scripts of the project and remembers their processes, so that they can be stopped. */
function runInto(children: Child[]): Run {
  return async (script, env) => {
    const child = await startChild(join(ROOT, script), { ...process.env, ...env })
    children.push(child)
    return child
  }
}

/** Starts a script of the project with more variables. */
type Run = (script: string, env: Record<string, string>) => Promise<Child>
type Seeds = Awaited<ReturnType<typeof openSeeds>>
type Registering = { settings: Record<string, string>; folder: string; port: string }

/** Starts the sample platform and its neighbours on the marketplace, and publishes what they have registered. */
async function registerApps(run: Run, seeds: Seeds, { settings, folder, port }: Registering): Promise<Child> {
  const platform = await run('examples/sample-platform/main.ts', {
    ...settings,
    PORT: port,
    PLATFORM_DATA: join(folder, 'shipyard-hosting'),
    LATCHKEY_REGISTRATION_TOKEN: await seeds.registrationToken('Shipyard, Inc.'),
  })
  const tokens = await Promise.all(
    NEIGHBOURS.map(name => seeds.registrationToken(name.charAt(0).toUpperCase() + name.slice(1))),
  )
  const neighbours = await run('examples/demo/neighbours.ts', {
    ...settings,
    NEIGHBOURS: NEIGHBOURS.map((name, index) => `${name}=${tokens[index]}`).join(','),
    PLATFORM_DATA: folder,
  })
  for (const appId of [...platform.ready.matchAll(/app_\w+/g), ...neighbours.ready.matchAll(/app_\w+/g)].map(
    ([id]) => id,
  )) {
    await seeds.publish(appId)
  }
  return platform
}

async function stopAll(children: readonly Child[], folder: string): Promise<void> {
  await Promise.all(children.map(child => child.stop()))
  rmSync(folder, { recursive: true, force: true })
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

main().catch(error => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
})
