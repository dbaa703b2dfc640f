import type { JWK } from 'jose'
import type { Provider } from 'oidc-provider'
import { fetchKeySet } from '../../apps-registry/fetch-key-set.ts'
import { type Clock, HOUR, MINUTE, SECOND } from '../base/clock.ts'
import type { Outbound } from '../base/outbound.ts'
import { currentRequest } from './request-context.ts'

/**
 * How long keys are used without reading `jwks_uri` again; `Cache-Control: max-age` may shorten it
 * (docs/client-keys.md).
 */
const FRESH = 10 * MINUTE
/** How long they are used while `jwks_uri` does not respond. */
const AT_MOST = HOUR
/** Reads that unknown keys of a client may cause at once, and the time after which one more is allowed. */
const BURST = 5
const REFILL = 10 * SECOND
/** The most clients whose keys a process caches. */
const MOST_CLIENTS = 1_000

/** The cached keys of one client. */
type Known = {
  address: string
  keys: JWK[]
  freshUntil: number
  usableUntil: number
  reads: { left: number; at: number }
  reading: Promise<void> | undefined
}

/** The part of oidc-provider's key store of a client that is replaced here. */
type KeyStore = {
  fresh(): boolean
  refresh(): Promise<void>
  selectForVerify(options: { alg: string; kid?: string }): JWK[]
  clear(): void
  add(key: JWK): void
}

/**
 * Caches the keys at `jwks_uri` that clients authenticate with (RFC 7523). A key that is unknown or does not verify
 * makes this process read the URL again at once, within a budget for each client, because anybody can send an
 * assertion. Keys older than `FRESH` are read again first, so a removed key ends then; if the URL does not respond, it
 * ends after `AT_MOST`.
 */
export function keepClientKeys(provider: Provider, caps: { clock: Clock; outbound: Outbound }): void {
  const known = new Map<string, Known>()
  const adapted = new WeakSet<object>()
  const model = provider.Client
  const find = model.find.bind(model)
  model.find = async id => {
    const client = await find(id)
    if (client?.jwksUri && !adapted.has(client)) {
      adapted.add(client)
      adapt(client['asymmetricKeyStore'] as KeyStore, knownOf(known, client.clientId, client.jwksUri), caps)
    }
    return client
  }
}

function knownOf(all: Map<string, Known>, clientId: string, address: string): Known {
  const before = all.get(clientId)
  all.delete(clientId)
  const reads = before?.reads ?? { left: BURST, at: 0 }
  const none = { address, keys: [], freshUntil: 0, usableUntil: 0, reads, reading: undefined }
  const known = before?.address === address ? before : none
  all.set(clientId, known)
  const [oldest] = all.keys()
  if (all.size > MOST_CLIENTS && oldest !== undefined) all.delete(oldest)
  return known
}

function adapt(store: KeyStore, known: Known, { clock, outbound }: { clock: Clock; outbound: Outbound }): void {
  const select = store.selectForVerify.bind(store)
  const readFor = new WeakSet<object>()
  const request = () => currentRequest() ?? store
  store.selectForVerify = options => {
    const at = clock.monotonic()
    const stale = at >= known.freshUntil && !readFor.has(request()) && mayRead(known, at)
    if (stale || at >= known.usableUntil) return []
    store.clear()
    for (const key of known.keys) store.add(key)
    return select(options)
  }
  // The library retries once after a failure and a refresh: one read for each request.
  store.fresh = () => readFor.has(request()) || !mayRead(known, clock.monotonic())
  store.refresh = async () => {
    readFor.add(request())
    known.reading ??= read(known, clock, outbound).finally(() => {
      known.reading = undefined
    })
    await known.reading
  }
}

/** A token bucket; each read takes from it. A read in progress is shared. */
function mayRead({ reads, reading }: Known, at: number): boolean {
  const more = Math.floor((at - reads.at) / REFILL)
  if (more > 0) Object.assign(reads, { left: Math.min(BURST, reads.left + more), at: at })
  return reading !== undefined || reads.left > 0
}

async function read(known: Known, clock: Clock, outbound: Outbound): Promise<void> {
  known.reads.left -= 1
  const set = await fetchKeySet(outbound, known.address)
  if (!set) return // the known keys stay until they are too old
  const at = clock.monotonic()
  known.keys = set.keys
  known.freshUntil = at + Math.min(FRESH, set.maxAge ?? FRESH)
  known.usableUntil = at + AT_MOST
}
