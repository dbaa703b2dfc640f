/** Bytes of memory per cached key: the live heap after a garbage collection, with few copies and with many. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../child-server.ts'
import { openDatabases } from '../databases.ts'
import { startKeyReceiver } from '../key-receiver.ts'
import { rounded } from '../statistics.ts'
import { benchKey } from './bench-keys.ts'
import { prepare } from './prepare.ts'
import { startLoadGenerator, verifyRequest } from './start-load.ts'
import { printTable } from './table.ts'

const FEW = 2_000
const MANY = 80_000
/** Usage is written in batches; the last one must have been written. In milliseconds. */
const UNTIL_WRITTEN = 8_000

export async function measureKeyMemory(kind: 'sqlite' | 'postgres'): Promise<void> {
  const [databases, receiver, load] = [await openDatabases(kind), await startKeyReceiver(), await startLoadGenerator()]
  try {
    const { env, port, verifierKey } = await prepare(databases, receiver, { keys: MANY })
    const server = await startChild({ script: 'server/main.ts', env, memory: true })
    const requests = Array.from({ length: MANY }, (_, index) => verifyRequest(benchKey(index), verifierKey))
    const askOnce = async (some: string[]) => {
      const each = { port, requests: some, connections: 16, milliseconds: 600_000, once: true }
      const { refused, answers } = await load.run(each)
      if (refused > 0) throw new Error(`${refused} of ${answers} good keys were refused`)
      await sleep(UNTIL_WRITTEN)
      return await server.memory()
    }
    const before = await askOnce(requests.slice(0, FEW))
    const after = await askOnce(requests)
    await server.stop()
    printTable(`Memory of a process, ${kind}`, [
      {
        'keys verified': `${FEW} → ${MANY}`,
        'live heap MB': `${rounded(before.heapUsed / 2 ** 20)} → ${rounded(after.heapUsed / 2 ** 20)}`,
        'bytes a key': Math.round((after.heapUsed - before.heapUsed) / (MANY - FEW)),
        'RSS MB': `${rounded((before.rss ?? 0) / 2 ** 20)} → ${rounded((after.rss ?? 0) / 2 ** 20)}`,
      },
    ])
  } finally {
    load.stop()
    receiver.close()
    await databases.close()
  }
}
