import type { Readable } from 'node:stream'

const BRIEFLY_MS = 250

/** Reads up to the limit and then closes the connection, so that an endless response costs nothing. */
export async function readAtMost(stream: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of stream) {
    parts.push(part)
    size += part.length
    if (size >= limit) break
  }
  return Buffer.from(Buffer.concat(parts).subarray(0, limit))
}

/**
 * The first `limit` bytes that arrive within 250 ms; never rejects. Then it closes the connection, so that an endless body does
 * not occupy it.
 */
export async function readBriefly(stream: Readable, limit: number): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, BRIEFLY_MS)
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    stream.on('data', (part: Buffer) => {
      parts.push(part)
      size += part.length
      if (size >= limit) end()
    })
    stream.on('end', end).on('error', end).on('close', end)
  })
  stream.destroy()
  return Buffer.concat(parts).subarray(0, limit).toString('utf8')
}
