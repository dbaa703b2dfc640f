import { randomUUID } from 'node:crypto'
import express, { type Express, type Request, type Response } from 'express'
import type { Config } from './config.ts'
import { CUSTOMERS, type Customer } from './customers.ts'
import { type Asked, signInLink } from './hand-over.ts'
import { homePage, loginPage, page } from './pages.ts'

type Login = { customer: Customer; at: Date }

const COOKIE = 'northwind'

/** A small product with a login of its own. Its customers never see a password of Latchkey. */
export function createApp(config: Config): Express {
  const logins = new Map<string, Login>()
  const app = express()
  app.disable('x-powered-by').use(express.urlencoded({ extended: false }))

  const loginOf = (req: Request): Login | undefined => {
    const [, token = ''] = new RegExp(`(?:^|; )${COOKIE}=([\\w-]+)`).exec(req.headers.cookie ?? '') ?? []
    return logins.get(token)
  }
  const handOver = async (res: Response, { customer, at }: Login, asked: Asked) =>
    res.redirect(303, await signInLink(config, customer, at, asked))

  app.get('/', (req, res) => {
    const login = loginOf(req)
    res.send(login ? homePage(login.customer) : loginPage({}))
  })
  app.get('/signin', async (req, res) => {
    const login = loginOf(req)
    const asked = askedOf(req.query)
    if (login && req.query['reauthenticate'] !== '1' && asked.state) return await handOver(res, login, asked)
    res.send(loginPage(asked))
  })
  app.post('/signin', async (req, res) => {
    const { email, password } = req.body as Record<string, unknown>
    const customer = CUSTOMERS.find(one => one.email === email && one.password === password)
    const asked = askedOf(req.body as Record<string, unknown>)
    if (!customer) return void res.status(422).send(loginPage(asked, 'Email or password is wrong.'))
    const login = { customer, at: new Date() }
    const token = randomUUID()
    logins.set(token, login)
    res.cookie(COOKIE, token, { httpOnly: true, sameSite: 'lax' })
    if (asked.state) return await handOver(res, login, asked)
    res.redirect(303, '/')
  })
  app.get('/apps-and-keys', async (req, res) => {
    const login = loginOf(req)
    if (!login) return res.redirect(303, '/')
    await handOver(res, login, {})
  })
  app.use((error: unknown, _req: Request, res: Response, _next: () => void) => {
    console.error(error)
    res.status(502).send(page('Apps and keys cannot be opened now', '<p>Try again in a moment.</p>'))
  })
  return app
}

/** What Latchkey put into the address; it is passed back as it is, and Latchkey checks it. */
function askedOf(query: Record<string, unknown>): Asked {
  const { return_to, state } = query
  return {
    ...(typeof return_to === 'string' && { return_to }),
    ...(typeof state === 'string' && { state }),
  }
}
