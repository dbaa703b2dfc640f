import { hash, verify } from '@node-rs/argon2'

/** Argon2id as OWASP's password storage sheet sets it: 19 MiB, two passes, one lane. The library's default is Argon2id. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export const PASSWORD_MIN = 12
export const PASSWORD_MAX = 200

export async function hashPassword(password: string): Promise<string> {
  return await hash(password.normalize('NFKC'), COST)
}

let decoy: Promise<string> | undefined

/** Whether the password fits. Without a hash it does the same work and answers false: an unknown email takes as long. */
export async function checkPassword(password: string, passwordHash: string | undefined): Promise<boolean> {
  decoy ??= hashPassword('the password of nobody')
  const fits = await verify(passwordHash ?? (await decoy), password.normalize('NFKC'))
  return fits && passwordHash !== undefined
}
