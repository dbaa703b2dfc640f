import { basename } from 'node:path'
import { codeOf, importsOf, type Tree } from './imports.ts'

export function defaultExports(tree: Tree): string[] {
  return matches(tree, /\bexport\s+default\b|\bas\s+default\b/)
}

export function barrels(tree: Tree): string[] {
  return [...tree.keys()].filter(path => /^index\.[cm]?[jt]sx?$/.test(basename(path)))
}

export function namesNotKebabCase(tree: Tree): string[] {
  return [...tree.keys()].filter(path =>
    path.split('/').some(part => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/.test(part)),
  )
}

/** Uses of time and chance outside `server/base`. */
export function ownTimeOrChance(tree: Tree): string[] {
  const elsewhere = new Map([...tree].filter(([path]) => !path.startsWith('server/base/')))
  const now = /\b(?:Date|performance)\s*\.\s*now\b|\bnew\s+Date\b(?!\s*\()|\bnew\s+Date\s*\(\s*\)/
  const chance = /\bMath\s*\.\s*random\b|\brandomBytes\b|\brandomUUID\b/
  return [...matches(elsewhere, now), ...matches(elsewhere, chance)]
}

/** Routes whose path is not a literal where they are mounted, so that a search cannot find it. */
export function computedPaths(tree: Tree): string[] {
  return matches(tree, /\brouter\s*\.\s*(?:get|post|put|patch|delete|all|route)\(\s*[^'\s]+/)
}

/** Pages that do more than turn data into a model. */
export function loadingPages(tree: Tree): string[] {
  const pages = new Map([...tree].filter(([path]) => path.endsWith('-page.ts')))
  const imports = [...pages].flatMap(([path, source]) =>
    importsOf(path, source)
      .filter(({ to }) => to.startsWith('db/'))
      .map(({ to }) => `${path} imports ${to}`),
  )
  return [...imports, ...matches(pages, /\b(?:await|async)\b/)]
}

/** Templates of pages without a model, and models without a template. */
export function unmatchedPages(tree: Tree, views: Tree): string[] {
  const templates = [...views.keys()].flatMap(path => /^views\/([a-z-]+)\.ejs$/.exec(path)?.[1] ?? [])
  const models = [...tree.values()].flatMap(source =>
    [...source.matchAll(/\binterface Pages \{([^}]*)\}/g)].flatMap(([, body = '']) =>
      [...body.matchAll(/^\s*'?([a-z-]+)'?: /gm)].map(([, name]) => name ?? ''),
    ),
  )
  return [
    ...templates.filter(name => !models.includes(name)).map(name => `views/${name}.ejs has no model`),
    ...models.filter(name => !templates.includes(name)).map(name => `the model of ${name} has no template`),
  ]
}

export function anyTypes(tree: Tree): string[] {
  return matches(tree, /(?::|\bas)\s*any\b|<\s*any\b|\bany\s*>/)
}

/** Templates that print unescaped output other than a partial. */
export function unescapedOutput(views: Tree): string[] {
  return linesOf(views, source => source, /<%-(?!\s*include\s*\()/)
}

function matches(tree: Tree, pattern: RegExp): string[] {
  return linesOf(new Map([...tree].filter(([path]) => path.endsWith('.ts'))), codeOf, pattern)
}

function linesOf(tree: Tree, view: (source: string) => string, pattern: RegExp): string[] {
  return [...tree].flatMap(([path, source]) =>
    [...view(source).matchAll(new RegExp(pattern, 'g'))].map(({ index, 0: found }) => {
      const line = source.slice(0, index).split('\n').length
      return `${path}:${line}: ${found.trim()}`
    }),
  )
}
