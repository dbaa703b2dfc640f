import type { AdminKey as AdminKeyActor } from '../audit/actor.ts'
import type { ApiCaps } from '../platform-api/api-caps.ts'

/** What the operations of the admin API may use. */
export type AdminCaps = ApiCaps

/** The program that calls. */
export type AdminCaller = { keyId: string; actor: AdminKeyActor }
