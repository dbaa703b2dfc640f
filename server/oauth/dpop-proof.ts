import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from 'jose'
import { AppError } from '../base/errors.ts'
import { isStorable } from '../base/plain-text.ts'

export const PROOF_ALGS = ['ES256', 'Ed25519', 'EdDSA'] as const
/** Seconds that a proof's `iat` may lie in the past or future: the window of oidc-provider, so that one rule holds everywhere. */
export const PROOF_WINDOW = 300

/** The request that a proof must be made for (RFC 9449 §4.3). */
export type ProvenRequest = {
  method: string
  /** The URL of the request, without query. */
  url: string
  accessToken: string
  /** The thumbprint of the key that the token is bound to (RFC 7638). */
  thumbprint: string
  /** The time, in milliseconds. */
  at: number
}

/**
 * Checks a DPoP proof by the rules that oidc-provider applies at its own endpoints, and returns its `jti`. The caller
 * checks for replays. Throws `access.invalid_proof`.
 */
export async function checkProof(proof: string, request: ProvenRequest): Promise<string> {
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    algorithms: [...PROOF_ALGS],
    typ: 'dpop+jwt',
    currentDate: new Date(request.at),
  }).catch(cause => {
    throw refused('is not valid', cause) // any error here is caused by the proof, because nothing else is read
  })
  const { jti, iat, nonce } = payload
  if (typeof jti !== 'string' || jti === '' || !isStorable(jti)) throw refused('needs a jti that is a string')
  if (typeof iat !== 'number' || Math.abs(Math.floor(request.at / 1_000) - iat) > PROOF_WINDOW)
    throw refused(`was not made within ${PROOF_WINDOW} s of now`)
  if (nonce !== undefined) throw refused('has a nonce, which the server does not use')
  if (payload['htm'] !== request.method || addressOf(payload['htu']) !== addressOf(request.url))
    throw refused('is for another request')
  if (payload['ath'] !== createHash('sha256').update(request.accessToken).digest('base64url'))
    throw refused('is for another token')
  if ((await calculateJwkThumbprint(protectedHeader.jwk as JWK)) !== request.thumbprint)
    throw refused('is signed by another key than the token’s')
  return jti
}

/** A URL in normal form, without query and fragment (RFC 9449 §4.3). */
function addressOf(htu: unknown): string | undefined {
  const url = typeof htu === 'string' ? URL.parse(htu) : null
  if (!url) return undefined
  url.search = ''
  url.hash = ''
  return url.href
}

function refused(reason: string, cause?: unknown): AppError {
  return new AppError('access.invalid_proof', { detail: `The DPoP proof ${reason}.`, cause })
}
