import type { RequestHandler } from 'express'
import { z } from 'zod'
import { apiCalls } from './api-calls.ts'
import { isUsable } from './apply-event.ts'
import type { AtRest } from './at-rest.ts'
import type { Pages } from './pages.ts'
import type { Store } from './store.ts'

export interface CallDeps {
  apiUrl: string
  store: Store
  atRest: AtRest
  pages: Pages
}

const form = z.object({ key: z.string(), request: z.string() })

/** `POST /call`: uses a key of this platform, and shows the response of the API. */
export function callApi({ apiUrl, store, atRest, pages }: CallDeps): RequestHandler {
  return async (req, res) => {
    const chosen = form.safeParse(req.body).data
    const call = apiCalls.find(({ name }) => name === chosen?.request)
    const key = store
      .read()
      .installations.flatMap(({ keys }) => keys)
      .find(({ id }) => id === chosen?.key)
    if (!call || !key?.locked || !isUsable(key, new Date())) {
      return pages.message(res, 404, 'No such key', 'This platform does not hold that key, or holds it no longer.')
    }
    const plaintext = await atRest.unlock(key.locked)
    const { status, text } = await request(`${apiUrl}${call.path}`, call, plaintext)
    // An API that echoes its input must not make this page show a key.
    const body = readable(text).replaceAll(plaintext, key.redacted)
    pages.home(res, store.read(), { answer: { request: call.name, key: key.redacted, status, body } })
  }
}

async function request(url: string, { method, body }: (typeof apiCalls)[number], key: string) {
  try {
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(10_000),
    })
    return { status: `${answer.status} ${answer.statusText}`, text: await answer.text() }
  } catch {
    return { status: 'nothing', text: 'The API could not be reached.' }
  }
}

function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
