import { lookup, Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { SECOND } from './clock.ts'
import { createSlots } from './slots.ts'

export type Address = { address: string; family: number }
export type ResolveName = (name: string) => Promise<Address[]>

type Options = {
  hostsFile?: string
  /** `address:port` of name servers; otherwise those of the machine. */
  servers?: readonly string[]
  /** Of one question to one server, in milliseconds. */
  timeout?: number
  /** How the machine itself resolves a name. */
  system?: ResolveName
  /** How long a name waits for its turn there, in milliseconds. */
  patience?: number
}

/**
 * The machine's resolver (getaddrinfo) occupies a thread of the process until a name server answers, and SQLite and files need
 * the same four threads (docs/outbound.md).
 */
const SYSTEM_AT_ONCE = 2
const TRIES = 2
/** No name server knows the name, or none can be asked: the machine may know it in another way. */
const UNKNOWN = ['ENOTFOUND', 'ENODATA', 'ECONNREFUSED']

/**
 * Resolves names: those of the hosts file first, then by the name servers, without occupying a thread, and what they do not
 * know in the machine's own way (search domains, mDNS), at most two names at once. Rejects where the name has no address.
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

  /** The machine's name servers are read each time: they may have changed. */
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
    if (!name.replace(/\.$/, '').includes('.')) return await askSystem(name) // of the machine or its own network
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

/** The addresses that the hosts file has for a name. */
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
