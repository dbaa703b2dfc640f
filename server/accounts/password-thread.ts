/**
 * The thread that hashes passwords: one at a time, synchronously, so that hashing never uses the thread pool that the
 * database, name resolution and files share. On Linux a thread has its own priority, and this one can yield to all
 * others.
 */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { hashSync, verifySync } from '@node-rs/argon2'

/** `passwordHash` is absent if nobody has the email: the same work is done, and the result is false. */
export type PasswordJob =
  | { verb: 'hash'; password: string }
  | { verb: 'check'; password: string; passwordHash: string | undefined }
export type PasswordAnswer = { value: string | boolean } | { fault: string }

/** Argon2id as OWASP's password storage sheet sets it: 19 MiB, two passes, one lane. The library's default is Argon2id. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const NICE = 10

if (workerData?.yields && process.platform === 'linux') setPriority(0, NICE) // setpriority(2): 0 is the calling thread; elsewhere, the process

const decoy = hashSync('the password of nobody', COST)

parentPort?.on('message', (job: PasswordJob) => {
  parentPort?.postMessage(answer(job))
})

function answer(job: PasswordJob): PasswordAnswer {
  try {
    if (job.verb === 'hash') return { value: hashSync(job.password, COST) }
    const fits = verifySync(job.passwordHash ?? decoy, job.password)
    return { value: fits && job.passwordHash !== undefined }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}
