import { errors, type KoaContextWithOIDC } from 'oidc-provider'

/** The most characters of all parameters of one authorization request, as JSON. */
export const LONGEST_REQUEST = 4_000

/** Limits the size of an authorization request, because it is stored before anybody has signed in. Throws `invalid_request`. */
export function requireShortRequest({ oidc: { params } }: KoaContextWithOIDC): void {
  if (JSON.stringify(params ?? {}).length <= LONGEST_REQUEST) return
  throw new errors.InvalidRequest(`the parameters must have ${LONGEST_REQUEST} characters or fewer in total`)
}
