/** A person; `ip` is the address that they act from. */
export type Person = { type: 'user'; id: string; ip: string }

/** A person who acts in an account that they are a member of. What their role allows is checked in the transaction that acts. */
export type Member = Person & { accountId: string }

/** A platform, through its API or its registration token. */
export type Platform = { type: 'platform'; id: string; ip: string }

/** The operator, at the command line. */
export type Operator = { type: 'operator'; id: string; ip: string }

/** A program of the operator, through the admin API. */
export type AdminKey = { type: 'admin_key'; id: string; ip: string }

/** Latchkey itself. */
export type System = { type: 'system'; id: string; ip: string }

/** Who acts, as named in activity logs. */
export type Actor = Person | Outsider

/** An actor that is not a member. */
export type Outsider = Platform | Operator | AdminKey | System

/** Who acts on an object of an account: a member must act in that account. */
export type ActorOnAccount = Member | Outsider

export const SYSTEM: System = { type: 'system', id: 'latchkey', ip: '' }
