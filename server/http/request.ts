import type { Request } from 'express'
import { networkOf, plainAddress } from '../base/addresses.ts'
import { AppError } from '../base/errors.ts'
import { type IdPrefix, isId } from '../base/ids.ts'

/** The address of the caller, as TRUST_PROXY lets Express see it. */
export function clientAddress(req: Request): string {
  return plainAddress(req.ip ?? '')
}

/** The caller's network, the unit that limits count. */
export function networkOfClient(req: Request): string {
  return networkOf(clientAddress(req))
}

/** An identifier in the path. Throws `object.not_found` if it is malformed, as for an object that does not exist. */
export function idParam(req: Request, name: string, prefix: IdPrefix): string {
  const id = req.params[name]
  if (!isId(prefix, id)) throw new AppError('object.not_found')
  return id
}

/** A path of this origin, from a form or a query; anything else becomes `fallback`. */
export function safeReturn(value: unknown, publicUrl: string, fallback: string): string {
  if (typeof value !== 'string' || !value.startsWith('/') || value.length > 2_000) return fallback
  if (!URL.canParse(value, publicUrl)) return fallback
  const url = new URL(value, publicUrl)
  // `/.//host` is a path of this origin, but its normalized form, `//host`, leads to another one.
  const stays = url.origin === publicUrl && !url.pathname.startsWith('//')
  return stays ? url.pathname + url.search : fallback
}
