import { isStorable } from './plain-text.ts'

/** More than any accepted document needs: a JWK Set and a manifest have four levels. */
const DEEPEST = 32
const UNSTORABLE = 'must not contain NUL or an unpaired surrogate'

/** Valid JSON that is refused. `path` leads to the member at fault; the message never quotes a value. */
export class JsonFault extends SyntaxError {
  readonly path: readonly (string | number)[]
  readonly rule: string
  constructor(path: readonly (string | number)[], rule: string) {
    super(`${path.join('.') || 'the document'} ${rule}`)
    this.name = 'JsonFault'
    this.path = path
    this.rule = rule
  }
}

type Level = { names: Set<string> | undefined; at: string | number }

/**
 * Parses JSON from callers whose values are stored or passed on. (Verification stores nothing and is a hot path: it uses
 * `JSON.parse`.) Besides malformed JSON it refuses more than 32 levels, duplicate members (RFC 8259 §4), `__proto__`, and
 * strings that cannot be stored. Throws SyntaxError; a `JsonFault` has the path.
 */
export function readJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  checkText(text)
  return value
}

/** The first member of a parsed value that `readJson` would refuse. */
export function oddMember(value: unknown, path: readonly (string | number)[] = []): JsonFault | undefined {
  if (path.length > DEEPEST) return new JsonFault(path.slice(0, 1), `must have ${DEEPEST} levels or fewer`)
  if (typeof value === 'string') return isStorable(value) ? undefined : new JsonFault(path, UNSTORABLE)
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, member] of Object.entries(value)) {
    const fault = isStorable(name)
      ? oddMember(member, [...path, Array.isArray(value) ? Number(name) : name])
      : new JsonFault(path, UNSTORABLE)
    if (fault) return fault
  }
  return undefined
}

/** Walks over text that is valid JSON. */
function checkText(text: string): void {
  const levels: Level[] = []
  let level: Level | undefined
  let named = false
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index]
    if (letter === '"') {
      const end = endOfString(text, index)
      const path = () => levels.map(({ at }) => at)
      if (level?.names && !named) level.at = nameIn(level.names, text.slice(index, end), path)
      else requireStorable(text.slice(index, end), path)
      index = end - 1
    } else if (letter === '{' || letter === '[') {
      if (levels.length === DEEPEST) throw new JsonFault([], `must have ${DEEPEST} levels or fewer`)
      level = letter === '{' ? { names: new Set(), at: '' } : { names: undefined, at: 0 }
      levels.push(level)
      named = false
    } else if (letter === '}' || letter === ']') {
      levels.pop()
      level = levels.at(-1)
    } else if (letter === ':') named = true
    else if (letter === ',' && level) {
      named = false
      if (typeof level.at === 'number') level.at += 1
    }
  }
}

function endOfString(text: string, start: number): number {
  let index = start + 1
  while (text[index] !== '"') index += text[index] === '\\' ? 2 : 1
  return index + 1
}

function nameIn(names: Set<string>, quoted: string, path: () => (string | number)[]): string {
  const name = requireStorable(quoted, () => path().slice(0, -1))
  const fault = (rule: string) => new JsonFault([...path().slice(0, -1), name], rule)
  if (name === '__proto__') throw fault('must not be sent')
  if (names.has(name)) throw fault('is there twice')
  names.add(name)
  return name
}

/** Only an escape can produce a character that cannot be stored. */
function requireStorable(quoted: string, path: () => (string | number)[]): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  const value: string = JSON.parse(quoted)
  if (!isStorable(value)) throw new JsonFault(path(), UNSTORABLE)
  return value
}
