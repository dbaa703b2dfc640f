import { errors, type KoaContextWithOIDC } from 'oidc-provider'

/** Characters of all parameters of one authorization request together, as JSON. */
export const LONGEST_REQUEST = 4_000

/** An authorization request is written down before anybody has signed in: it must be short. Throws `invalid_request`. */
export function requireShortRequest({ oidc: { params } }: KoaContextWithOIDC): void {
  if (JSON.stringify(params ?? {}).length <= LONGEST_REQUEST) return
  throw new errors.InvalidRequest(`the parameters must have ${LONGEST_REQUEST} characters or fewer in total`)
}
