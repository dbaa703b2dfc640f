import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** The wished port on loopback if it is free, otherwise another free one. */
export async function freePort(wished: string): Promise<string> {
  return (await tryPort(Number(wished))) ?? (await tryPort(0)) ?? wished
}

async function tryPort(port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return String((server.address() as AddressInfo).port)
  } catch {
    return undefined // in use
  } finally {
    server.close()
  }
}
