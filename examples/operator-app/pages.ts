import type { Customer } from './customers.ts'
import type { Asked } from './hand-over.ts'

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string) => text.replace(/[&<>"]/g, sign => ENTITIES[sign] ?? sign)

/** The login of this product, which keeps what Latchkey asked for. */
export function loginPage(asked: Asked, fault = ''): string {
  const hidden = Object.entries(asked).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`,
  )
  return page(
    'Log in to Northwind',
    `${fault && `<p role="alert">${escaped(fault)}</p>`}
<form method="post" action="/signin">${hidden.join('')}
<p><label for="email">Email</label><br><input id="email" name="email" type="email" autocomplete="username" required></p>
<p><label for="password">Password</label><br><input id="password" name="password" type="password" autocomplete="current-password" required></p>
<p><button>Log in</button></p>
</form>`,
  )
}

/** The back office of a customer, with a menu entry that leads to Latchkey. */
export function homePage({ name, shop }: Customer): string {
  return page(
    shop.name,
    `<nav aria-label="Menu"><ul><li><a href="/">Orders</a></li><li><a href="/apps-and-keys">Apps and keys</a></li></ul></nav>
<p>Signed in as ${escaped(name)}. There are no orders today.</p>`,
  )
}

/** A page with a heading. `body` is HTML. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title></head>
<body><main><h1>${escaped(title)}</h1>
${body}</main></body></html>`
}
