import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** Path from the root → source. */
export type Tree = ReadonlyMap<string, string>

export type Import = {
  from: string
  /** A path from the root for a relative specifier, else the package as written. */
  to: string
  ours: boolean
  typeOnly: boolean
}

/** Every file below the given folders, as a tree. */
export function readTree(root: string, pattern: string[]): Tree {
  const paths = globSync(pattern, { cwd: root, exclude: ['**/node_modules/**'] }).map(path =>
    path.replaceAll('\\', '/'),
  )
  return new Map(paths.sort().map(path => [path, readFileSync(join(root, path), 'utf8')]))
}

/** Imports, re-exports, and dynamic imports of a literal, types included. */
export function importsOf(from: string, source: string): Import[] {
  const code = codeOf(source)
  const statements = /\b(?:import|export)\s+(type\s)?(?:[^'"`();=]*?\bfrom)?\s*(['"])/g
  const dynamic = /\bimport\s*\(\s*()(['"`])/g
  return [...code.matchAll(statements), ...code.matchAll(dynamic)]
    .sort((a, b) => a.index - b.index)
    .map(match => {
      const start = match.index + match[0].length
      const specifier = source.slice(start, source.indexOf(match[2] ?? '', start))
      const ours = specifier.startsWith('.')
      const to = ours ? posix.join(posix.dirname(from), specifier) : specifier
      return { from, to, ours, typeOnly: Boolean(match[1]) }
    })
}

/** Each cycle once, as files in the order of their imports; a file that imports itself is one too. */
export function circlesOf(tree: Tree): string[][] {
  const state = new Map<string, 'open' | 'done'>()
  const path: string[] = []
  const circles: string[][] = []
  const visit = (file: string) => {
    state.set(file, 'open')
    path.push(file)
    for (const { to } of importsOf(file, tree.get(file) ?? '')) {
      if (state.get(to) === 'open') circles.push([...path.slice(path.indexOf(to)), to])
      else if (tree.has(to) && !state.has(to)) visit(to)
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of tree.keys()) if (file.endsWith('.ts') && !state.has(file)) visit(file)
  return circles
}

/** The source with comments, strings and regular expressions blanked, and every offset kept. */
export function codeOf(source: string): string {
  const out = source.split('')
  const templates: number[] = [] // the depth of braces at which each open `${` ends
  let depth = 0
  let at = 0

  const blank = (end: number) => {
    for (; at < end; at += 1) if (out[at] !== '\n') out[at] = ' '
  }
  const literal = (quote: string, multiline: boolean) => {
    at += 1
    while (at < source.length && source[at] !== quote && (multiline || source[at] !== '\n')) {
      if (quote === '`' && source.startsWith('${', at)) {
        templates.push(depth)
        at += 2
        return
      }
      blank(at + (source[at] === '\\' ? 2 : 1))
    }
    at += 1
  }

  while (at < source.length) {
    const character = source[at]
    if (source.startsWith('//', at)) blank(lineEnd(source, at))
    else if (source.startsWith('/*', at)) blank(source.indexOf('*/', at + 2) + 2 || source.length)
    else if (character === '/' && startsExpression(source.slice(Math.max(0, at - 60), at))) blank(regexEnd(source, at))
    else if (character === "'" || character === '"') literal(character, false)
    else if (character === '`') literal('`', true)
    else if (character === '}' && templates.at(-1) === depth) {
      templates.pop()
      literal('`', true)
    } else {
      if (character === '{') depth += 1
      if (character === '}') depth -= 1
      at += 1
    }
  }
  return out.join('')
}

function lineEnd(source: string, from: number): number {
  const end = source.indexOf('\n', from)
  return end === -1 ? source.length : end
}

/** Whether a slash after this text begins a regular expression instead of a division. */
function startsExpression(before: string): boolean {
  return /(?:^|[(,=:[!&|?{};+*%~^<>-]|\b(?:return|typeof|case|in|of|void|await|yield|throw))\s*$/.test(before)
}

function regexEnd(source: string, from: number): number {
  let inClass = false
  for (let at = from + 1; at < source.length && source[at] !== '\n'; at += 1) {
    if (source[at] === '\\') at += 1
    else if (source[at] === '[') inClass = true
    else if (source[at] === ']') inClass = false
    else if (source[at] === '/' && !inClass) return at + 1
  }
  return from + 1
}
