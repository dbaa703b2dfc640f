import { setTimeout } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { look, press } from '../portal-calls.ts'
import type { Customer } from './customers.ts'

/** Delay between two pages of a customer, in milliseconds. */
const THINKING = 200

/** The longest time of each kind of request, in milliseconds. */
export type Slowest = Map<string, number>

/**
 * A customer opens their pages for two thirds of the time, uninstalls, and opens pages again. As a control, every request is
 * for a page that does no work.
 */
export async function visit(
  to: Dispatcher,
  origin: string,
  { cookie, installationId: id }: Customer,
  { milliseconds, nothing, slowest }: { milliseconds: number; nothing: boolean; slowest: Slowest },
): Promise<void> {
  const until = performance.now() + milliseconds
  const person = { origin, cookie }

  async function timed(name: string, request: () => Promise<unknown>): Promise<void> {
    const began = performance.now()
    await (nothing ? look(to, person, '/healthz') : request())
    const kind = nothing ? '/healthz' : name
    slowest.set(kind, Math.max(slowest.get(kind) ?? 0, performance.now() - began))
    await setTimeout(THINKING)
  }
  const open = (path: string) => timed(path.replace(id, '{id}'), () => look(to, person, path))
  const uninstall = () => press(to, person, `/apps/${id}/uninstall`, { keys: 'expire' })

  const pages = ['/apps', `/apps/${id}`, '/keys', `/apps/${id}/uninstall`]
  while (performance.now() < until - milliseconds / 3) for (const page of pages) await open(page)
  await timed('/apps/{id}/uninstall (POST)', uninstall)
  while (performance.now() < until) for (const page of ['/apps', '/keys']) await open(page)
}
