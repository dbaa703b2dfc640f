import { createHash } from 'node:crypto'
import { mintSecret } from '../../server/base/secret-format.ts'

/**
 * The plaintext of the bench's key number `index`, the same in every process, so that no list of keys has to be passed around.
 */
export function benchKey(index: number): string {
  let block = 0
  const bytes = (length: number) => {
    block += 1
    return createHash('sha512').update(`${index}:${block}`).digest().subarray(0, length)
  }
  return mintSecret({ bytes, fraction: () => 0 }, 'lkm_live_')
}

/** The id of that key's row. */
export function benchKeyId(index: number): string {
  return `key_${String(index).padStart(26, '0')}`
}
