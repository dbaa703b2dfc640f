import { lookup, Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { SECOND } from './clock.ts'
import { createSlots } from './slots.ts'

export type Address = { address: string; family: number }
export type ResolveName = (name: string) => Promise<Address[]>

type Options = {
  hostsFile?: string
  /** `address:port` of name servers; default: the machine's. */
  servers?: readonly string[]
  /** Timeout of one query to one server, in milliseconds. */
  timeout?: number
  /** The machine's own resolver. */
  system?: ResolveName
  /** How long a name waits for a free slot there, in milliseconds. */
  patience?: number
}

/**
 * The machine's resolver (getaddrinfo) occupies a thread of the process until a name server responds, and SQLite and files need
 * the same four threads (docs/outbound.md).
 */
const SYSTEM_AT_ONCE = 2
const TRIES = 2
/** No name server has the name, or none responds: the machine's resolver may find it in another way. */
const UNKNOWN = ['ENOTFOUND', 'ENODATA', 'ECONNREFUSED']

/**
 * Resolves names: first from the hosts file, then by the name servers, without occupying a thread; other names by the machine's
 * resolver (search domains, mDNS), at most two at once. Rejects if the name has no address.
 */
export function createResolveName({
  hostsFile = '/etc/hosts',
  servers,
  timeout = 2 * SECOND,
  system = async name => await lookup(name, { all: true }),
  patience = 5 * SECOND,
}: Options = {}): ResolveName {
  const slots = createSlots(SYSTEM_AT_ONCE)
  const asking = new Map<string, Promise<Address[]>>()

  /** Concurrent lookups of a name share the result. */
  async function askSystem(name: string): Promise<Address[]> {
    const shared = asking.get(name) ?? slots.take(() => system(name), patience).finally(() => asking.delete(name))
    asking.set(name, shared)
    return await shared
  }

  /** Reads the machine's name servers each time, because they may have changed. */
  async function askServers(name: string): Promise<Address[]> {
    const resolver = new Resolver({ timeout, tries: TRIES })
    if (servers) resolver.setServers(servers)
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = [
      ...(v4.status === 'fulfilled' ? v4.value.map(address => ({ address, family: 4 })) : []),
      ...(v6.status === 'fulfilled' ? v6.value.map(address => ({ address, family: 6 })) : []),
    ]
    if (found.length > 0) return found
    const faults = [v4, v6].flatMap(answer => (answer.status === 'rejected' ? [answer.reason] : []))
    throw faults.find(fault => !UNKNOWN.includes(fault?.code)) ?? faults[0]
  }

  return async name => {
    if (!name.replace(/\.$/, '').includes('.')) return await askSystem(name) // a name of the machine or its own network
    const listed = await readHosts(hostsFile, name)
    if (listed.length > 0) return listed
    try {
      return await askServers(name)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && UNKNOWN.includes(String(error.code)))) throw error
      return await askSystem(name)
    }
  }
}

/** The addresses of a name in the hosts file. */
async function readHosts(file: string, name: string): Promise<Address[]> {
  const text = await readFile(file, 'utf8').catch(error => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').flatMap(line => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const named = names.some(each => each.toLowerCase() === name.toLowerCase())
    return named && isIP(address) ? [{ address, family: isIP(address) }] : []
  })
}
