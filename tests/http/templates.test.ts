import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createTemplates } from '../../server/http/templates.ts'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-templates-'))
mkdirSync(join(folder, 'partials'))
const files = {
  page: "<%= title %>: <%- include('partials/row', { title: '<b>', own: 1 }) %>, <%= title %><% if (locals.own) { %> leaks<% } %>",
  'partials/row': "<%= title %> <%- include('cell') %>",
  'partials/cell': '<%= own %> <%= frame %>',
  inherits: '<% if (locals.constructor || locals.toString) { %>inherits<% } %>',
}
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.ejs`), text)
const render = createTemplates(folder)
after(() => rmSync(folder, { recursive: true }))

test('a partial is found beside its template, sees its arguments and its surroundings, and keeps its variables to itself', () => {
  assert.equal(render('page', { title: 'Keys', frame: '&' }), 'Keys: &lt;b&gt; 1 &amp;, Keys')
})

test('a template is read once', () => {
  const before = render('partials/cell', { own: 1, frame: 2 })
  writeFileSync(join(folder, 'partials/cell.ejs'), 'changed')
  assert.equal(render('partials/cell', { own: 1, frame: 2 }), before)
})

test('a template sees no inherited property', () => {
  assert.equal(render('inherits', {}), '')
})

test('a missing template and a missing name are errors with a position', () => {
  assert.throws(() => render('missing', {}), /ENOENT.*missing\.ejs/)
  assert.throws(() => render('partials/row', {}), /row\.ejs:1.*title is not defined/s)
})
