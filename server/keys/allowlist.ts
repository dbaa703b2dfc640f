import { isIP } from 'node:net'
import { createAllowedRule, parseCidr } from '../base/addresses.ts'

/** The most entries of one key's allowlist. */
export const MOST_ADDRESSES = 50
/** Wider ranges are refused as mistakes. */
const WIDEST = { 4: 8, 6: 16 } as const
const LONGEST_SHOWN = 60

/** No call comes from these (RFC 6890): unspecified, multicast, reserved. */
const fromNowhere = createAllowedRule(['0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', '::/128', 'ff00::/8'])
/** Calls from these come from the same machine or link only. */
const fromHere = createAllowedRule(['127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10'])

export type Allowlist = { addresses: string[] | null; faults: string[] }

/**
 * Reads an allowlist as typed, one address or range a line; empty input is no list, and the key may be used from
 * anywhere. Entries are normalized, IPv4-mapped IPv6 becomes IPv4 (RFC 4291 §2.5.5.2), duplicates are dropped. Faults
 * are sentences that name their line; a list that allows nobody or everybody is one.
 */
export function parseAllowlist(text: string): Allowlist {
  if (text === '') return { addresses: null, faults: [] }
  const lines = text.split(/\r\n|[\r\n]/).map((line, index) => ({ number: index + 1, text: line.trim() }))
  const entries = lines.filter(line => line.text !== '')
  if (entries.length === 0) return faulty('There is no address here. Leave the field empty to allow every address.')
  if (entries.length > MOST_ADDRESSES)
    return faulty(`There are ${entries.length} lines, and a key takes ${MOST_ADDRESSES}. Use ranges.`)
  const read = entries.map(entry => ({ ...entry, ...normalise(entry.text) }))
  const faults = read.flatMap(({ number, text, fault }) =>
    fault ? [`Line ${number}: ${shortened(text)} ${fault}`] : [],
  )
  if (faults.length > 0) return { addresses: null, faults }
  const addresses = [...new Set(read.flatMap(({ entry }) => entry ?? []))]
  if (addresses.every(address => fromHere(address.split('/')[0] ?? '')))
    return faulty(
      'Only a machine’s own addresses are here: every call from elsewhere would be refused. Add its public address.',
    )
  return { addresses, faults: [] }
}

function faulty(fault: string): Allowlist {
  return { addresses: null, faults: [fault] }
}

function normalise(text: string): { entry?: string; fault?: string } {
  const range = text.includes('%') ? undefined : parseCidr(text)
  if (!range) return { fault: 'is not an address or a range, such as 203.0.113.7 or 203.0.113.0/24.' }
  let family: 4 | 6 = isIP(range.address) === 6 ? 6 : 4
  let bits = range.bits
  let network = masked(numberOf(range.address), bits, family)
  if (family === 6 && bits >= 96 && network >> 32n === 0xffffn) {
    family = 4
    bits -= 96
    network &= 0xffff_ffffn
  }
  if (bits === 0) return { fault: 'allows every address. Leave the field empty if that is meant.' }
  if (family === 6 && masked(MAPPED, bits, 6) === network) return { fault: 'allows every IPv4 address.' }
  if (bits < WIDEST[family]) return { fault: `is too wide. The widest range is /${WIDEST[family]}.` }
  const address = family === 4 ? textOf4(network) : textOf6(network)
  if (fromNowhere(address)) return { fault: 'is no address that a call can come from.' }
  return { entry: bits === (family === 4 ? 32 : 128) ? address : `${address}/${bits}` }
}

/** The block of all IPv4-mapped addresses, `::ffff:0:0/96`. */
const MAPPED = 0xffff_0000_0000n

function masked(address: bigint, bits: number, family: 4 | 6): bigint {
  const rest = BigInt((family === 4 ? 32 : 128) - bits)
  return (address >> rest) << rest
}

function numberOf(address: string): bigint {
  if (isIP(address) === 4) return joined(address.split('.').map(Number), 8n)
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::') // hexadecimal groups only
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')]
  return joined([...before, ...Array(8 - before.length - after.length).fill(0), ...after], 16n)
}

const groupsOf = (text: string) => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16)))

function joined(parts: readonly number[], width: bigint): bigint {
  return parts.reduce((sum, part) => (sum << width) | BigInt(part), 0n)
}

function textOf4(address: bigint): string {
  return [24n, 16n, 8n, 0n].map(shift => (address >> shift) & 0xffn).join('.')
}

/** In the format of RFC 5952. */
function textOf6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function shortened(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
}
