import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ejs from 'ejs'

/** Renders a template of the folder, named by its path without the ending. Throws where there is none. */
export type RenderTemplate = (name: string, data: object) => string

type Include = (name: string, data?: object) => string

/**
 * Each template is read and compiled once. `include` is ours: that of EJS looks for the file on disk and copies everything
 * that is known at each call, which makes up half of what a table of keys costs. An included template sees what it is given
 * and, behind that, what the template around it sees.
 */
export function createTemplates(folder: string): RenderTemplate {
  const compiled = new Map<string, ejs.TemplateFunction>()

  function find(name: string): ejs.TemplateFunction {
    const known = compiled.get(name)
    if (known) return known
    const filename = join(folder, `${name}.ejs`)
    const options = { filename, unsafePrototypeLocals: true } // data that inherits from nothing but data
    const template = ejs.compile(readFileSync(filename, 'utf8'), options)
    compiled.set(name, template)
    return template
  }

  function render(name: string, around: object | null, own: object | undefined): string {
    const data: object = Object.create(around)
    const include: Include = (path, more) => render(join(dirname(name), path), data, more)
    return find(name)(Object.assign(data, own, { include }))
  }

  return (name, data) => render(name, null, data)
}
