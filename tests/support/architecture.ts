import { circlesOf, type Import, importsOf, type Tree } from './imports.ts'

/** The features in order; one may import those before it, never their stores or routes. */
export const features = [
  'server/limits',
  'server/audit',
  'server/mail',
  'server/accounts',
  'apps-registry',
  'server/oauth',
  'server/keys',
  'server/admin-keys',
  'server/deliveries',
  'server/installs',
  'server/key-life',
  'server/consent',
  'server/account-portal',
  'server/platform-portal',
  'server/platform-api',
  'server/admin-api',
]

const floors = { base: 0, db: 1, store: 2, rule: 2, verb: 3, http: 4, routes: 5, assembly: 6 } as const
type Floor = keyof typeof floors

/** The floors that a file may import; a feature's rooms are checked separately. There are no exceptions. */
const below: Record<Floor, Floor[]> = {
  base: ['base'],
  db: ['base', 'db'],
  rule: ['base', 'rule'],
  store: ['base', 'db', 'rule', 'store'],
  verb: ['base', 'db', 'rule', 'store', 'verb'],
  http: ['base', 'http'],
  routes: ['base', 'db', 'rule', 'store', 'verb', 'http', 'routes'],
  assembly: ['base', 'db', 'rule', 'store', 'verb', 'http', 'routes', 'assembly'],
}

/** Every import of a higher or unknown floor. */
export function stepsUp(tree: Tree): string[] {
  return judge(tree, ({ from, to }, floorOf) => {
    const [ground, target] = [floorOf(from), floorOf(to)]
    if (!ground) return `is on no floor: ${from}`
    if (!target) return `leads to no floor`
    if (below[ground].includes(target)) return undefined
    return `goes ${floors[target] > floors[ground] ? 'up' : 'out of its floor'}, from ${ground} to ${target}`
  })
}

/** Every import of a later feature, of another feature's internals, or between files of the same rank. */
export function stepsSideways(tree: Tree): string[] {
  return judge(tree, ({ from, to }) => {
    const [room, target] = [roomOf(from), roomOf(to)]
    if (target !== undefined && from.startsWith('server/http/'))
      return `enters the feature ${features[target]}, and http knows none`
    if (room === undefined || target === undefined) return configStep(from, to)
    if (target > room) return `enters the later feature ${features[target]}`
    if (target < room && /-(?:store|routes)\.ts$/.test(to)) return `enters the insides of ${features[target]}`
    if (target === room && /-routes\.ts$/.test(to)) return 'enters routes, which only the assembly mounts'
    return undefined
  })
}

/** Every import that leaves a folder for resource servers, except of the allowed packages. */
export function stepsOutside(tree: Tree, folder: string, packages: RegExp): string[] {
  return [...tree].flatMap(([path, source]) =>
    importsOf(path, source)
      .filter(({ ours, to }) => !(ours ? to.startsWith(folder) : packages.test(to)))
      .map(({ from, to }) => `${from} imports ${to}: leaves what is handed out`),
  )
}

/** Every import cycle, types included. */
export function circles(tree: Tree): string[] {
  return circlesOf(tree).map(circle => circle.join(' → '))
}

function judge(tree: Tree, fault: (step: Import, floorOf: FloorOf) => string | undefined): string[] {
  const floorOf = floorsOf(tree)
  return [...tree].flatMap(([path, source]) =>
    importsOf(path, source)
      .filter(({ ours, to }) => ours && /\.[cm]?[jt]s$/.test(to))
      .flatMap(step => {
        const found = fault(step, floorOf)
        return found ? [`${step.from} imports ${step.to}: ${found}`] : []
      }),
  )
}

/** `server/config.ts` and its environment lie on `base` and import it; `base` itself imports nothing of ours. */
function configStep(from: string, to: string): string | undefined {
  return from.startsWith('server/base/') && /^server\/(?:(?:people-)?config|environment)\.ts$/.test(to)
    ? 'goes up, from base to config'
    : undefined
}

type FloorOf = (path: string) => Floor | undefined

/** A pure rule is recognized by its imports: `base` and other pure rules only. */
function floorsOf(tree: Tree): FloorOf {
  const known = new Map<string, Floor | undefined>()
  const floorOf: FloorOf = path => {
    if (!known.has(path)) {
      known.set(path, floorByName(path)) // set before its imports are checked, so that a cycle ends
      if (known.get(path) === 'verb' && isPure(path)) known.set(path, 'rule')
    }
    return known.get(path)
  }
  const isPure = (path: string) =>
    tree.has(path) &&
    importsOf(path, tree.get(path) ?? '').every(
      ({ ours, to }) => !ours || !/\.[cm]?[jt]s$/.test(to) || ['base', 'rule'].includes(floorOf(to) ?? ''),
    )
  return floorOf
}

function floorByName(path: string): Floor | undefined {
  if (
    /^server\/(?:main|app|(?:base-|oauth-|sign-in-)?deps|reencrypt|sweep|upkeep|heartbeat|web-processes)\.ts$/.test(
      path,
    ) ||
    path.startsWith('server/cli/')
  )
    return 'assembly'
  if (/^server\/(?:(?:people-)?config|environment)\.ts$/.test(path) || path.startsWith('server/base/')) return 'base'
  if (path.startsWith('server/http/')) return path.endsWith('-routes.ts') ? 'routes' : 'http'
  if (path.startsWith('db/')) return 'db'
  if (roomOf(path) === undefined) return undefined
  if (
    /-(?:routes|handlers|page|guard|access|operation|openapi)\.ts$|\/(?:operations\/|(?:load|show)-)[a-z-]+\.ts$|\/operations\.ts$/.test(
      path,
    )
  )
    return 'routes'
  return path.endsWith('-store.ts') ? 'store' : 'verb'
}

function roomOf(path: string): number | undefined {
  const room = features.findIndex(feature => path.startsWith(`${feature}/`))
  return room === -1 ? undefined : room
}
