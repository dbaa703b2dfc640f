import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net'

/**
 * Ranges that are not globally reachable, from the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its
 * updates).
 */
const SPECIAL_PURPOSE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '::ffff:0:0/96',
  '::ffff:0:0:0/96', // IPv4-translated (RFC 2765 §2.1)
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]

/** The two parts of a CIDR; undefined if it is not one. A bare address is a range of one. */
export function parseCidr(text: string): { address: string; bits: number } | undefined {
  const [address = '', bits, ...rest] = text.trim().split('/')
  const family = isIP(address)
  if (!family || rest.length > 0) return undefined
  const most = family === 6 ? 128 : 32
  if (bits === undefined) return { address, bits: most }
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? { address, bits: Number(bits) } : undefined
}

function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const range = parseCidr(cidr)
    if (!range) throw new Error(`not a CIDR: ${cidr}`)
    list.addSubnet(range.address, range.bits, isIPv6(range.address) ? 'ipv6' : 'ipv4')
  }
  return list
}

const v4 = listOf(SPECIAL_PURPOSE.filter(cidr => !cidr.includes(':')))
const v6 = listOf(SPECIAL_PURPOSE.filter(cidr => cidr.includes(':')))

/** Returns whether outbound calls may reach an address: every public one, and those in `allow` (EGRESS_ALLOW). */
export function createEgressRule(allow: readonly string[]): (address: string) => boolean {
  const allowed = listOf(allow)
  return address => {
    const family = isIP(address)
    if (!family) return false
    const kind = family === 6 ? 'ipv6' : 'ipv4'
    return allowed.check(address, kind) || !(family === 6 ? v6 : v4).check(address, kind)
  }
}

/** Returns whether an address is in `allow`: only those may be called without TLS. */
export function createAllowedRule(allow: readonly string[]): (address: string) => boolean {
  const allowed = listOf(allow)
  return address => isIP(address) > 0 && allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/** Whether a host means the same on every machine: an IP address or loopback (RFC 6761 §6.3). */
export function isFixedHost(hostname: string): boolean {
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0 || /(?:^|\.)localhost\.?$/.test(hostname)
}

/**
 * The canonical form of an address: IPv6 shortened and in lower case, IPv4-mapped IPv6 as IPv4. Other text is returned
 * unchanged.
 */
export function plainAddress(text: string): string {
  if (!isIPv6(text)) return text
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address
}

/** An address from a proxy's header, without the port, the brackets around IPv6 (RFC 3986 §3.2.2) or the zone (RFC 4007). */
export function withoutPort(text: string): string {
  const bare = text.replace(/^\[([^\]]+)\](?::\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
  return plainAddress(bare.replace(/%.*$/, ''))
}

/**
 * The unit that limits count: an IPv4 address, or the /64 of an IPv6 address, the least that a provider assigns to one customer
 * (RFC 6177 §2). Other text is returned unchanged.
 */
export function networkOf(text: string): string {
  const address = plainAddress(text.replace(/%.*$/, '')) // RFC 4007 §11: a zone is not part of the address
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  return `${[...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')}::/64`
}

/** Whether a host name of a URL is this machine, so that plain http to it is safe. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}
