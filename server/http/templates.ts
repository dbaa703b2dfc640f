import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ejs from 'ejs'

/** Renders a template of the folder by its path without the extension. Throws if there is none. */
export type RenderTemplate = (name: string, data: object) => string

type Include = (name: string, data?: object) => string

/**
 * Each template is read and compiled once. `include` is our own: that of EJS looks for the file on disk and copies all data at
 * each call, half of the cost of a table of keys. An included template sees its own data and, behind that, the data of the
 * including template.
 */
export function createTemplates(folder: string): RenderTemplate {
  const compiled = new Map<string, ejs.TemplateFunction>()

  function find(name: string): ejs.TemplateFunction {
    const known = compiled.get(name)
    if (known) return known
    const filename = join(folder, `${name}.ejs`)
    const options = { filename, unsafePrototypeLocals: true } // `data` must not inherit from anything but data
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
