import type { JWK } from 'jose'
import { SECOND } from '../server/base/clock.ts'
import { type Outbound, OutboundError } from '../server/base/outbound.ts'
import { readJson } from '../server/base/read-json.ts'
import { readJwks } from './read-jwks.ts'

/** The public keys at an address, and their `max-age` in milliseconds; undefined if they cannot be read. */
export async function fetchKeySet(
  outbound: Outbound,
  address: string,
): Promise<{ keys: JWK[]; maxAge: number | undefined } | undefined> {
  try {
    const answer = await outbound.fetch(address, { headers: { accept: 'application/jwk-set+json, application/json' } })
    if (answer.status !== 200) return undefined
    const read = readJwks(readJson(await answer.text()), 'jwks_uri')
    return read.fault ? undefined : { keys: read.keys, maxAge: maxAgeOf(answer.headers.get('cache-control') ?? '') }
  } catch (error) {
    if (error instanceof OutboundError || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** RFC 9111 §5.2.2. */
function maxAgeOf(control: string): number | undefined {
  if (/\bno-(?:store|cache)\b/i.test(control)) return 0
  const [, seconds] = /\bmax-age=(\d{1,9})\b/i.exec(control) ?? []
  return seconds === undefined ? undefined : Number(seconds) * SECOND
}
