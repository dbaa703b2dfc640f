import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Load, LoadFigures } from './load.ts'

export type LoadGenerator = { run(load: Load): Promise<LoadFigures>; stop(): void }

export async function startLoadGenerator(): Promise<LoadGenerator> {
  const child = fork(join(import.meta.dirname, 'load.ts'))
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the load generator ended with ${code}`)
  })
  ended.catch(() => undefined)
  await Promise.race([once(child, 'message'), ended])
  return {
    async run(load) {
      child.send(load)
      const [figures] = (await Promise.race([once(child, 'message'), ended])) as [LoadFigures]
      return figures
    },
    stop: () => void child.kill(),
  }
}

/** The bytes of a verification request. */
export function verifyRequest(key: string, verifierKey: string): string {
  const body = JSON.stringify({ key, permission: 'charges:read', ip: '203.0.113.7' })
  const head = [
    'POST /v1/keys/verify HTTP/1.1',
    'Host: 127.0.0.1',
    `Authorization: Bearer ${verifierKey}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
