import { isIP, type LookupFunction } from 'node:net'
import { Agent, request, fetch as undiciFetch } from 'undici'
import { createAllowedRule, createEgressRule } from './addresses.ts'
import { SECOND } from './clock.ts'
import { readAtMost, readBriefly } from './read-answer.ts'
import { type Address, createResolveName, type ResolveName } from './resolve-name.ts'
import { wasStale } from './stale-connections.ts'

/** Why a call got no response; safe to show to the platform. */
export type OutboundFault = 'address_refused' | 'dns' | 'connect' | 'tls' | 'timeout' | 'aborted' | 'protocol'

export class OutboundError extends Error {
  readonly fault: OutboundFault
  constructor(fault: OutboundFault, cause?: unknown) {
    super(`outbound call failed: ${fault}`, { cause })
    this.name = 'OutboundError'
    this.fault = fault
  }
}

export type OutboundAnswer = {
  status: number
  retryAfter: string | undefined
  /**
   * The first 4 kB of what arrived within 250 ms of the headers. Never rejects, because the status counts whatever the body
   * does.
   */
  body: Promise<string>
}

/** The only way to call other servers. Each address is resolved, checked and pinned to the connection; redirects are not followed. */
export type Outbound = {
  /**
   * Posts `body` and resolves with the head of the response. Retries once, on a new connection, if a kept-alive one turns out
   * to be closed, so receivers must recognise a repeated post. Throws OutboundError.
   */
  post(url: string, headers: Record<string, string>, body: string): Promise<OutboundAnswer>
  /** For libraries that take a `fetch`: same rules, responses of at most 64 kB, five seconds. */
  fetch: typeof fetch
  /** Throws OutboundError if the address may not be called now; used at registration, before anything is stored. */
  check(url: string): Promise<void>
  /** Whether `hostname` is an address that EGRESS_ALLOW names; those may be called without TLS. */
  mayBePlain(url: string): Promise<boolean>
  /** Closes every connection at once; calls in flight fail as `aborted`. */
  hangUp(): Promise<void>
}

export const KEPT_ANSWER = 4_096
const FETCHED_ANSWER = 65_536
/** Shorter than receivers usually keep an idle connection; used if they do not say how long (`Keep-Alive: timeout`). */
const KEEP_ALIVE = 4 * SECOND

type Options = {
  allow: readonly string[]
  timeoutMs?: number
  lookup?: ResolveName
}

export function createOutbound({ allow, timeoutMs = 15 * SECOND, lookup = createResolveName() }: Options): Outbound {
  const permitsOnly = createAllowedRule(allow)
  const { addressesOf, permitted, pinned, checkLiteral } = createAddressCheck(allow, lookup)
  const { send, destroy } = createConnections(pinned, timeoutMs)
  return {
    async post(url, headers, body) {
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        await checkLiteral(new URL(url))
        const answer = await send(dispatcher => request(url, { method: 'POST', headers, body, signal, dispatcher }))
        const retryAfter = answer.headers['retry-after']
        return {
          status: answer.statusCode,
          retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
          body: readBriefly(answer.body, KEPT_ANSWER),
        }
      } catch (error) {
        throw asOutboundError(error, signal)
      }
    },
    fetch: async (input, init = {}) => {
      const url = new URL(input instanceof Request ? input.url : String(input))
      const signal = AbortSignal.timeout(Math.min(timeoutMs, 5 * SECOND))
      try {
        await checkLiteral(url)
        const { dispatcher: _, ...rest } = init as RequestInit & { dispatcher?: unknown }
        const answer = await send(dispatcher =>
          undiciFetch(url, { ...(rest as object), redirect: 'manual', signal, dispatcher }),
        )
        const body = answer.body ? await readAtMost(answer.body, FETCHED_ANSWER + 1) : Buffer.alloc(0)
        if (body.length > FETCHED_ANSWER) throw new OutboundError('protocol')
        const empty = answer.status === 204 || answer.status === 304
        return new Response(empty ? null : body, { status: answer.status, headers: [...answer.headers] })
      } catch (error) {
        throw asOutboundError(error, signal)
      }
    },
    check: async url => void (await permitted(new URL(url).hostname)),
    async mayBePlain(url) {
      const addresses = await addressesOf(new URL(url).hostname)
      return addresses.length > 0 && addresses.every(({ address }) => permitsOnly(address))
    },
    hangUp: async () => void (await destroy()),
  }
}

/** Resolves names and refuses addresses that may not be called. */
function createAddressCheck(allow: readonly string[], lookup: ResolveName) {
  const permits = createEgressRule(allow)

  async function addressesOf(hostname: string): Promise<Address[]> {
    const host = hostname.replace(/^\[|\]$/g, '')
    if (isIP(host)) return [{ address: host, family: isIP(host) }]
    try {
      return await lookup(host)
    } catch (cause) {
      throw new OutboundError('dns', cause)
    }
  }

  /** All addresses must be permitted: a forbidden one among permitted ones is a rebinding attempt or a mistake. */
  async function permitted(hostname: string): Promise<Address[]> {
    const addresses = await addressesOf(hostname)
    if (addresses.length === 0) throw new OutboundError('dns')
    if (!addresses.every(({ address }) => permits(address))) throw new OutboundError('address_refused')
    return addresses
  }

  const pinned: LookupFunction = (hostname, options, callback) => {
    permitted(hostname).then(
      addresses => {
        const [first] = addresses
        if (options.all) callback(null, addresses)
        else callback(null, first?.address ?? '', first?.family ?? 4)
      },
      error => callback(error, ''),
    )
  }

  /** The connection does not look up a literal address, so it is checked here. */
  async function checkLiteral(url: URL): Promise<void> {
    if (isIP(url.hostname.replace(/^\[|\]$/g, ''))) await permitted(url.hostname)
  }

  return { addressesOf, permitted, pinned, checkLiteral }
}

/** Kept-alive connections, and new ones for retries. */
function createConnections(pinned: LookupFunction, timeoutMs: number) {
  const connecting = {
    connect: { lookup: pinned, timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: KEEP_ALIVE,
  }
  const agent = new Agent({ ...connecting, pipelining: 1 })
  const unkept = new Agent({ ...connecting, pipelining: 0 }) // closes each connection after one request

  /** Sends a request that is safe to retry. */
  async function send<Answer>(over: (dispatcher: Agent) => Promise<Answer>): Promise<Answer> {
    try {
      return await over(agent)
    } catch (error) {
      if (!wasStale(error)) throw error
      return await over(unkept)
    }
  }

  return { send, destroy: () => Promise.all([agent.destroy(), unkept.destroy()]) }
}

const FAULT_OF_CODE: Record<string, OutboundFault> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ECONNREFUSED: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  ECONNRESET: 'aborted',
  EPIPE: 'aborted',
  UND_ERR_SOCKET: 'aborted',
  UND_ERR_DESTROYED: 'aborted',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
}

function asOutboundError(error: unknown, signal: AbortSignal): OutboundError {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboundError) return cause
  }
  if (signal.aborted) return new OutboundError('timeout', error)
  const code = codeOf(error) ?? ''
  if (/^(?:ERR_TLS|ERR_SSL|EPROTO$|CERT_|UNABLE_TO_)|SELF_SIGNED/.test(code)) return new OutboundError('tls', error)
  return new OutboundError(FAULT_OF_CODE[code] ?? 'protocol', error)
}

function codeOf(error: unknown): string | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code
  }
  return undefined
}
