import { request } from 'undici'

export type Fields = Record<string, string | string[]>

/** A value of `null` omits a default header. */
export type Headers = Record<string, string | null>

export type Form = {
  action: string
  method: 'GET' | 'POST'
  /** What a browser submits without any change; buttons are not included. */
  fields: Record<string, string>
  /** Every submit button with a name. */
  buttons: { name: string; value: string; text: string }[]
  html: string
}

export type Answer = {
  url: string
  status: number
  headers: Record<string, string | string[] | undefined>
  /** The target of a redirect, as an absolute URL. */
  location: string | undefined
  text: string
  json(): unknown
  forms(): Form[]
  /** The first form whose action or text contains `part`; throws if there is none. */
  form(part?: string): Form
}

export type BrowserSession = {
  readonly origin: string
  get(path: string, headers?: Headers): Promise<Answer>
  /** Sends a form as a page of the same origin would. */
  post(path: string, fields?: Fields, headers?: Headers): Promise<Answer>
  /** Submits a form of a page, with changed or additional values. */
  submit(form: Form, fields?: Fields, headers?: Headers): Promise<Answer>
  /** Follows redirects while they stay on this origin; returns the redirect that leads away, or the page. */
  follow(answer: Answer): Promise<Answer>
  cookie(name: string): string | undefined
  /** The cookies for a path as a `Cookie` header. */
  cookieHeader(path: string): string
  clearCookies(): void
}

type Cookie = { name: string; value: string; path: string }

/** A browser without scripts for one origin: cookies, forms, and redirects that are followed on request. `beforeEach` runs before every request. */
export function createBrowserSession(baseUrl: string, beforeEach = async () => {}): BrowserSession {
  const { origin } = new URL(baseUrl)
  const jar = new Map<string, Cookie>()

  async function send(method: 'GET' | 'POST', path: string, headers: Headers, body?: string): Promise<Answer> {
    await beforeEach()
    const url = new URL(path, origin)
    if (url.origin !== origin) throw new Error(`${url.href} is not on ${origin}`)
    const cookies = session.cookieHeader(url.pathname)
    const wanted = Object.entries({ accept: 'text/html', ...(cookies && { cookie: cookies }), ...lowerCased(headers) })
    const response = await request(url, {
      method,
      headers: Object.fromEntries(wanted.filter((entry): entry is [string, string] => entry[1] !== null)),
      ...(body !== undefined && { body }),
    })
    for (const line of [response.headers['set-cookie'] ?? []].flat()) keepCookie(jar, line)
    return toAnswer(url, response.statusCode, response.headers, await response.body.text())
  }

  const session: BrowserSession = {
    origin,
    get: (path, headers = {}) => send('GET', path, headers),
    post: (path, fields = {}, headers = {}) => {
      const usual = { 'content-type': 'application/x-www-form-urlencoded', origin, 'sec-fetch-site': 'same-origin' }
      return send('POST', path, { ...usual, ...lowerCased(headers) }, encode(fields))
    },
    submit: (form, fields = {}, headers = {}) => {
      const all = { ...form.fields, ...fields }
      if (form.method === 'POST') return session.post(form.action, all, headers)
      const url = new URL(form.action, origin)
      url.search = encode(all)
      return session.get(url.href, headers)
    },
    follow: async answer => {
      let latest = answer
      for (let hops = 0; latest.location !== undefined && new URL(latest.location).origin === origin; hops += 1) {
        if (hops === 20) throw new Error(`redirects without end at ${latest.location}`)
        latest = await session.get(latest.location)
      }
      return latest
    },
    cookie: name => [...jar.values()].find(cookie => cookie.name === name)?.value,
    cookieHeader: path =>
      [...jar.values()]
        .filter(cookie => path === cookie.path || path.startsWith(cookie.path.replace(/\/?$/, '/')))
        .sort((a, b) => b.path.length - a.path.length)
        .map(({ name, value }) => `${name}=${value}`)
        .join('; '),
    clearCookies: () => jar.clear(),
  }
  return session
}

function toAnswer(url: URL, status: number, headers: Answer['headers'], text: string): Answer {
  const location = status >= 300 && status < 400 ? headers['location'] : undefined
  const answer: Answer = {
    url: url.href,
    status,
    headers,
    location: typeof location === 'string' ? new URL(location, url).href : undefined,
    text,
    json: () => JSON.parse(text) as unknown,
    forms: () => parseForms(text, url),
    form: (part = '') => {
      const forms = answer.forms()
      const found = forms.find(({ action, html }) => action.includes(part) || plainText(html).includes(part))
      if (found) return found
      const actions = forms.map(({ action }) => action).join(', ') || 'no form'
      throw new Error(`no form with "${part}" at ${url.pathname} (${status}), which has ${actions}`)
    },
  }
  return answer
}

function keepCookie(jar: Map<string, Cookie>, line: string): void {
  const [pair = '', ...rest] = line.split(';').map(part => part.trim())
  const [name = '', ...value] = pair.split('=')
  const attributes = new Map(
    rest.map(part => {
      const [key = '', ...given] = part.split('=')
      return [key.toLowerCase(), given.join('=')] as const
    }),
  )
  const cookie = { name, value: value.join('='), path: attributes.get('path') || '/' }
  const [maxAge, expires] = [attributes.get('max-age'), attributes.get('expires')]
  const gone = maxAge !== undefined ? Number(maxAge) <= 0 : Date.parse(expires ?? '') <= Date.now()
  if (gone) jar.delete(`${name} ${cookie.path}`)
  else jar.set(`${name} ${cookie.path}`, cookie)
}

function parseForms(html: string, page: URL): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, attributes = '', inner = '']) => {
    const form = attributesOf(attributes)
    return {
      action: new URL(form['action'] || page.href, page).href,
      method: form['method']?.toUpperCase() === 'POST' ? 'POST' : 'GET',
      fields: { ...inputsOf(inner), ...textareasOf(inner), ...selectsOf(inner) },
      buttons: [...inner.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gis)].flatMap(([, given = '', text = '']) => {
        const { name, value = '' } = attributesOf(given)
        return name ? [{ name, value, text: plainText(text) }] : []
      }),
      html: inner,
    }
  })
}

function inputsOf(html: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [, given = ''] of html.matchAll(/<input\b((?:"[^"]*"|'[^']*'|[^>"'])*)>/gis)) {
    const { name, type = 'text', value, checked, disabled } = attributesOf(given)
    if (!name || disabled !== undefined || ['submit', 'button', 'reset', 'image', 'file'].includes(type)) continue
    const choice = type === 'radio' || type === 'checkbox'
    if (!choice || checked !== undefined) fields[name] = value ?? (choice ? 'on' : '')
  }
  return fields
}

function textareasOf(html: string): Record<string, string> {
  const areas = [...html.matchAll(/<textarea\b([^>]*)>(.*?)<\/textarea>/gis)]
  return Object.fromEntries(
    areas.flatMap(([, given = '', text = '']) => {
      const { name } = attributesOf(given)
      return name ? [[name, decode(text.replace(/^\n/, ''))]] : []
    }),
  )
}

function selectsOf(html: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [, given = '', inner = ''] of html.matchAll(/<select\b([^>]*)>(.*?)<\/select>/gis)) {
    const { name } = attributesOf(given)
    const options = [...inner.matchAll(/<option\b([^>]*)>([^<]*)/gis)].map(([, attributes = '', text = '']) => {
      const { value = plainText(text), selected } = attributesOf(attributes)
      return { value, selected: selected !== undefined }
    })
    const chosen = options.find(({ selected }) => selected) ?? options[0]
    if (name && chosen) fields[name] = chosen.value
  }
  return fields
}

function attributesOf(text: string): Record<string, string> {
  const found = text.matchAll(/([^\s=/>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)
  return Object.fromEntries(
    [...found].map(([, name = '', double, single, bare]) => [
      name.toLowerCase(),
      decode(double ?? single ?? bare ?? ''),
    ]),
  )
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    return decimal ? String.fromCodePoint(Number(decimal)) : (entities[name] ?? whole)
  })
}

function plainText(html: string): string {
  const text = html.replaceAll(/<[^>]*>/g, ' ')
  return decode(text).replaceAll(/\s+/g, ' ').trim()
}

function encode(fields: Fields): string {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one)
  return body.toString()
}

function lowerCased(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
