import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as architecture from './support/architecture.ts'
import { importsOf, readTree, type Tree } from './support/imports.ts'
import * as rules from './support/source-rules.ts'

const root = join(import.meta.dirname, '..')
const product = readTree(root, ['{server,apps-registry,db}/**/*.ts'])
const named = readTree(root, ['{server,apps-registry,db,views,tests,bench,examples,verify}/**/*.{ts,js,ejs,css,json}'])
const shipped = readTree(root, ['verify/**/*.{js,ts}'])
const around = readTree(root, ['{bench,examples,verify}/**/*.{ts,js}'])
const everything: Tree = new Map([...product, ...around])
const examples = readTree(root, ['examples/sample-*/**/*.ts'])
const views = readTree(root, ['views/**/*.ejs'])

describe('the house', () => {
  test('the search finds files and views', () => {
    assert.ok(product.has('server/main.ts'), 'server/main.ts')
    assert.ok([...product.values()].flatMap(source => importsOf('', source)).length > 0, 'imports')
    assert.ok(views.size > 0, 'views')
  })
  test('imports only go down', () => none(architecture.stepsUp(product)))
  test('features import only from those before them, and never their stores or routes', () =>
    none(architecture.stepsSideways(product)))
  test('no import cycles, in bench and examples too', () => none(architecture.circles(everything)))
  test('exports are named', () => none(rules.defaultExports(everything)))
  test('there are no barrels', () => none(rules.barrels(everything)))
  test('file names are kebab-case', () => none(rules.namesNotKebabCase(named)))
  test('time and chance come from server/base', () => none(rules.ownTimeOrChance(product)))
  test('routes are mounted with their paths written out', () => none(rules.computedPaths(product)))
  test('pages turn data into models and load nothing', () => none(rules.loadingPages(product)))
  test('every page has a template and a model', () => none(rules.unmatchedPages(product, views)))
  test('packages for resource servers import only Node and themselves', () =>
    none(architecture.stepsOutside(shipped, 'verify/', /^node:/)))
  test('the samples use public libraries only', () =>
    none(architecture.stepsOutside(examples, 'examples/', /^(?:node:|[^.])/)))
  test('no type is any', () => none(rules.anyTypes(everything)))
  test('views print nothing unescaped', () => none(rules.unescapedOutput(views)))
})

describe('the rules find', () => {
  test('a step up: base to a verb, store to verb, verb to routes or http, http to a feature, anything to the assembly', () => {
    const found = architecture.stepsUp(
      tree({
        'server/base/clock.ts': `import { mint } from '../keys/mint-key.ts'`,
        'server/keys/key-store.ts': `import { mint } from './mint-key.ts'`,
        'server/keys/mint-key.ts': `import './keys-routes.ts'\nimport { csrf } from '../http/csrf.ts'\nimport '../../db/connect.ts'`,
        'server/keys/keys-routes.ts': `import { type Deps } from '../deps.ts'`,
        'server/http/csrf.ts': `import { connect } from '../../db/connect.ts'\nimport '../keys/keys-guard.ts'`,
        'db/connect.ts': `import { mint } from '../server/keys/mint-key.ts'`,
      }),
    )
    assert.deepEqual(found.map(arrow), [
      'server/base/clock.ts → server/keys/mint-key.ts',
      'server/keys/key-store.ts → server/keys/mint-key.ts',
      'server/keys/mint-key.ts → server/keys/keys-routes.ts',
      'server/keys/mint-key.ts → server/http/csrf.ts',
      'server/keys/keys-routes.ts → server/deps.ts',
      'server/http/csrf.ts → db/connect.ts',
      'server/http/csrf.ts → server/keys/keys-guard.ts',
      'db/connect.ts → server/keys/mint-key.ts',
    ])
    assert.match(found[0] ?? '', /goes up, from base to verb/)
  })

  test('an import of tests or of an unknown room', () => {
    const found = architecture.stepsUp(
      tree({
        'server/keys/mint-key.ts': `import '../../tests/support/world.ts'\nimport '../helpers/text.ts'`,
        'server/helpers/text.ts': `import '../base/clock.ts'`,
      }),
    )
    assert.equal(found.length, 3)
  })

  test('a step sideways: a later feature, the store or routes of an earlier one, routes among themselves', () => {
    const found = architecture.stepsSideways(
      tree({
        'server/audit/record-activity.ts': `import { mint } from '../keys/mint-key.ts'`,
        'apps-registry/publish-app.ts': `import '../server/oauth/adapter.ts'`,
        'server/keys/mint-key.ts': `import { rows } from '../accounts/account-store.ts'\nimport { get } from '../audit/record-activity.ts'`,
        'server/installs/installs-routes.ts': `export { routes } from '../keys/keys-routes.ts'\nimport './setup-routes.ts'`,
        'server/consent/approve.ts': `const app = await import('../../apps-registry/app-store.ts')`,
        'server/base/ids.ts': `import type { Config } from '../config.ts'`,
        'server/http/pages.ts': `import type { Session } from '../accounts/sessions.ts'`,
      }),
    )
    assert.deepEqual(found.map(arrow), [
      'server/audit/record-activity.ts → server/keys/mint-key.ts',
      'apps-registry/publish-app.ts → server/oauth/adapter.ts',
      'server/keys/mint-key.ts → server/accounts/account-store.ts',
      'server/installs/installs-routes.ts → server/keys/keys-routes.ts',
      'server/installs/installs-routes.ts → server/installs/setup-routes.ts',
      'server/consent/approve.ts → apps-registry/app-store.ts',
      'server/base/ids.ts → server/config.ts',
      'server/http/pages.ts → server/accounts/sessions.ts',
    ])
  })

  test('a cycle, through types and over three files', () => {
    const found = architecture.circles(
      tree({
        'server/keys/a.ts': `import type { B } from './b.ts'`,
        'server/keys/b.ts': `import {\n  type C,\n} from './c.ts'`,
        'server/keys/c.ts': `export * from './a.ts'`,
        'server/keys/d.ts': `import './a.ts'`,
      }),
    )
    assert.deepEqual(found, ['server/keys/a.ts → server/keys/b.ts → server/keys/c.ts → server/keys/a.ts'])
  })

  test('an import from outside a package for resource servers, and a dependency where none is allowed', () => {
    const bad = tree({
      'verify/ask.js': `import http from 'node:http'\nimport './own.js'\nimport '../server/base/ids.ts'\nimport 'undici'`,
    })
    assert.deepEqual(architecture.stepsOutside(bad, 'verify/', /^node:/).map(arrow), [
      'verify/ask.js → server/base/ids.ts',
      'verify/ask.js → undici',
    ])
  })

  test('default exports, barrels, names, own time and chance, any, unescaped output', () => {
    const bad = tree({
      'server/keys/index.ts': `export default 1\nexport { x as default }`,
      'server/keys/mintKey.ts': `const at = new Date()\nconst t = \`\${Date.now()}\`\nconst d = new Date\nperformance.now()`,
      'server/keys/rule.ts': `import { randomBytes } from 'node:crypto'\nMath.random()\ncrypto.randomUUID()`,
      'server/keys/loose.ts': `let x: any\nconst y = x as any\nlet z: Array<any>`,
    })
    assert.equal(rules.defaultExports(bad).length, 2)
    assert.deepEqual(rules.barrels(bad), ['server/keys/index.ts'])
    assert.deepEqual(rules.namesNotKebabCase(bad), ['server/keys/mintKey.ts'])
    assert.deepEqual(
      rules.ownTimeOrChance(bad).map(line => line.split(': ')[0]),
      [1, 2, 3, 4]
        .flatMap(line => `server/keys/mintKey.ts:${line}`)
        .concat([1, 2, 3].map(n => `server/keys/rule.ts:${n}`)),
    )
    assert.equal(rules.anyTypes(bad).length, 3)
    const routes = tree({
      'server/keys/keys-routes.ts': `router.get('/keys', show)\nrouter.post(path, show)\nrouter.post(\`\${path}/end\`, end)`,
    })
    assert.equal(rules.computedPaths(routes).length, 2)
    const loading = tree({
      'server/keys/keys-page.ts': `import { connect } from '../../db/connect.ts'\nawait connect()`,
    })
    assert.equal(rules.loadingPages(loading).length, 2)
    const models = tree({ 'server/keys/keys-page.ts': `interface Pages {\n  keys: KeysPage\n  'key-form': KeyForm\n}` })
    const templates = tree({ 'views/keys.ejs': '', 'views/rotate.ejs': '', 'views/partials/row.ejs': '' })
    assert.deepEqual(rules.unmatchedPages(models, templates), [
      'views/rotate.ejs has no model',
      'the model of key-form has no template',
    ])
    const page = tree({ 'views/page.ejs': `<%- include('head') %>\n<%- app.name %><%= app.name %>` })
    assert.deepEqual(rules.unescapedOutput(page), ['views/page.ejs:2: <%-'])
  })
})

describe('the rules accept', () => {
  test('a valid layout', () => {
    const good = tree({
      'server/main.ts': `import { buildApp } from './app.ts'\nimport { loadConfig } from './config.ts'`,
      'server/app.ts': `import type { Deps } from './deps.ts'\nimport { health } from './http/health-routes.ts'\nimport { keysRoutes } from './keys/keys-routes.ts'`,
      'server/deps.ts': `import { connect } from '../db/connect.ts'\nimport { mint } from './keys/mint-key.ts'`,
      'server/config.ts': `import { z } from 'zod'\nimport { AppError } from './base/errors.ts'`,
      'server/cli/sweep.ts': `import { buildDeps } from '../deps.ts'`,
      'server/base/errors.ts': `import { STATUS_CODES } from 'node:http'`,
      'server/base/ids.ts': `import './errors.ts'\nimport { randomBytes } from 'node:crypto'\nDate.now()`,
      'server/http/health-routes.ts': `import type { Database } from '../../db/connect.ts'\nimport { report } from './request.ts'`,
      'server/http/request.ts': `import { networkOf } from '../base/addresses.ts'\nimport '../config.ts'`,
      'server/accounts/login-guard.ts': `import { findLogin } from './find-login.ts'\nimport '../http/request.ts'`,
      'server/accounts/find-login.ts': `import { loginRow } from './login-store.ts'`,
      'server/accounts/login-store.ts': `import type { Tx } from '../../db/connect.ts'\nimport './login.ts'`,
      'server/accounts/login.ts': `import { AppError } from '../base/errors.ts'`,
      'server/keys/keys-routes.ts': `import type { Database } from '../../db/connect.ts'\nimport { page } from './keys-page.ts'\nimport './mint-key.ts'\nimport '../accounts/login-guard.ts'`,
      'server/keys/keys-page.ts': `import type { Frame } from '../http/page-parts.ts'\nimport './find-keys.ts'`,
      'server/keys/mint-key.ts': `import { findLogin } from '../accounts/find-login.ts'\nimport { save } from './key-store.ts'`,
      'server/keys/key-store.ts': `import type { Tx } from '../../db/connect.ts'`,
      'db/connect.ts': `import '../server/base/errors.ts'`,
    })
    none(architecture.stepsUp(good))
    none(architecture.stepsSideways(good))
    none(architecture.circles(good))
    none(rules.ownTimeOrChance(good))
  })

  test('violations in comments, strings and regular expressions', () => {
    const quiet = tree({
      'server/keys/mint-key.ts': [
        `// import x from '../consent/approve.ts'`,
        `/* new Date() and import('../consent/approve.ts') */`,
        `const text = "Date.now()" + \`it's: any \${left(\`}\`)} Math.random\``,
        `const pattern = /['"\`/]new Date()/`,
        `const half = size / 2 // 'x: any'`,
        `const at = new Date(row.at)`,
      ].join('\n'),
    })
    for (const [name, rule] of Object.entries({ ...architecture, ...rules })) {
      if (typeof rule === 'function' && rule.length === 1)
        assert.deepEqual((rule as (tree: Tree) => string[])(quiet), [], name)
    }
  })
})

function tree(files: Record<string, string>): Tree {
  return new Map(Object.entries(files))
}

function none(faults: string[]): void {
  assert.equal(faults.join('\n'), '')
}

function arrow(fault: string): string {
  return fault.replace(/^(\S+) imports (\S+?): .*$/, '$1 → $2')
}
