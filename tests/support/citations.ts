import { basename, posix } from 'node:path'
import type { Tree } from './imports.ts'

type Cited = { line: number; text: string; file: string; anchor: string | undefined; rule: string | undefined }

const CITATION =
  /((?:docs\/(?:[a-z0-9-]+\/)*[a-z0-9-]+|\b(?:README|ARCHITECTURE|CONTRIBUTING|SECURITY|CHANGELOG))\.md)(?:#([\w-]+))?(?: (\d+\.\d+)\b)?/g

/** Every citation in a source, such as `docs/wire.md#deliveries` or `docs/rules.md 3.1`. */
export function citationsOf(source: string): Cited[] {
  return [...source.matchAll(CITATION)].map(({ index, 0: text, 1: file = '', 2: anchor, 3: number }) => ({
    line: lineAt(source, index),
    text,
    file,
    anchor,
    rule: file === 'docs/rules.md' ? number : undefined,
  }))
}

/** Every citation of a document, heading or rule that does not exist. */
export function deadCitations(sources: Tree, documents: Tree): string[] {
  return [...sources].flatMap(([path, source]) =>
    citationsOf(source).flatMap(({ line, text, file, anchor, rule }) => {
      const document = documents.get(file)
      if (document === undefined) return [`${path}:${line}: ${text}: no such document`]
      if (anchor !== undefined && !anchorsOf(document).has(anchor)) return [`${path}:${line}: ${text}: no such heading`]
      if (rule !== undefined && !rulesOf(document).includes(rule)) return [`${path}:${line}: ${text}: no such rule`]
      return []
    }),
  )
}

/** Every citation of something that is not in this repository: a numbered rule or issue, or a document in capitals. */
export function foreignCitations(sources: Tree): string[] {
  const foreign = /\b(?:rule|issue|ticket|chapter) #?\d+\b|\b(?!RFC\b)[A-Z]{4,}(?:,? ["“][A-Z]|\.md\b)/g
  return [...sources].flatMap(([path, source]) =>
    [...source.matchAll(foreign)]
      .filter(({ 0: text }) => !/^(?:README|ARCHITECTURE|CONTRIBUTING|SECURITY|CHANGELOG)\.md$/.test(text))
      .map(({ index, 0: text }) => `${path}:${lineAt(source, index)}: ${text}`),
  )
}

/** Every link between documents that leads to no file, or to no heading of one. */
export function deadLinks(documents: Tree, exists: (path: string) => boolean): string[] {
  return [...documents].flatMap(([path, text]) =>
    [...text.matchAll(/\]\(([^()\s]+)\)/g)].flatMap(({ index, 1: link = '' }) => {
      if (/^[a-z]+:/.test(link)) return []
      const [to = '', anchor] = link.split('#')
      const target = to === '' ? path : posix.normalize(posix.join(posix.dirname(path), to)).replace(/\/$/, '')
      const fault = (what: string) => [`${path}:${lineAt(text, index)}: ${link}: ${what}`]
      if (!documents.has(target) && !exists(target)) return fault('no such file')
      if (anchor !== undefined && !anchorsOf(documents.get(target) ?? '').has(anchor)) return fault('no such heading')
      return []
    }),
  )
}

/** Every source file that a document names in code quotes and that does not exist; short names may stand anywhere. */
export function deadPaths(documents: Tree, files: ReadonlySet<string>): string[] {
  const names = new Set([...files].map(file => basename(file)))
  const isThere = (path: string) =>
    path.includes('/') ? ['', 'server/', 'tests/'].some(root => files.has(root + path)) : names.has(path)
  return [...documents].flatMap(([path, text]) =>
    [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\.(?:ts|js|mjs|ejs|css))`/g)]
      .filter(({ 1: named = '' }) => !isThere(named))
      .map(({ index, 1: named }) => `${path}:${lineAt(text, index)}: ${named}: no such file`),
  )
}

/** Every `npm run` of a document that package.json does not know. */
export function deadScripts(documents: Tree, scripts: ReadonlySet<string>): string[] {
  return [...documents].flatMap(([path, text]) =>
    [...text.matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)]
      .filter(({ 1: name = '' }) => !scripts.has(name))
      .map(({ index, 1: name }) => `${path}:${lineAt(text, index)}: npm run ${name}: no such script`),
  )
}

/** The numbers of the rules in docs/rules.md, in their order. */
export function rulesOf(document: string): string[] {
  return [...document.matchAll(/^- \*\*(\d+\.\d+)\*\*/gm)].map(([, number = '']) => number)
}

/** The anchors that GitHub gives to the headings of a document. */
export function anchorsOf(document: string): Set<string> {
  const anchors = new Set<string>()
  const outsideCode = document.replace(/^```[\s\S]*?^```/gm, '')
  for (const [, heading = ''] of outsideCode.matchAll(/^#{1,6} +(.+)$/gm)) {
    const plain = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase()
    const anchor = plain.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
    let unique = anchor
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`
    anchors.add(unique)
  }
  return anchors
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
