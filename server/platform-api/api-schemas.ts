import { z } from 'zod'
import type { IdPrefix } from '../base/ids.ts'
import { showsAll } from '../base/plain-text.ts'

/** Shared by the operations of the platform API: objects, pages, parts of requests. */

export const id = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-z]{26}$`))
    .meta({ example: `${prefix}_01jpk3v9t2m4q6s8u0w2y4a6c8` })
export const time = z.iso.datetime().meta({ description: 'UTC, with milliseconds' })
export const mode = z.enum(['live', 'test'], 'must be live or test')

export const Installation = z.object({
  id: id('ins'),
  app_id: id('app'),
  account_id: id('acct'),
  mode,
  status: z.enum(['installing', 'active', 'delivery_failed', 'suspended', 'uninstalled']),
  generation: z.int().min(1),
  permissions: z.array(z.string()),
  suspended_by: z
    .array(z.enum(['account', 'platform', 'operator']))
    .meta({ description: 'Its keys verify as `suspended` until this is empty' }),
  created_at: time,
  uninstalled_at: time.nullable(),
})

export const Key = z
  .object({
    id: id('key'),
    type: z.enum(['managed', 'restricted']),
    installation_id: id('ins').nullable(),
    name: z.string(),
    redacted: z.string(),
    mode,
    permissions: z.array(z.string()),
    status: z.enum(['active', 'expiring', 'expired']).meta({
      description:
        '`expiring` while it has a deadline. A key that is being replaced gets one when the new key has arrived',
    }),
    frozen: z.boolean().meta({ description: 'Refused until its account unfreezes it' }),
    created_at: time,
    expires_at: time.nullable(),
    delivered_at: time.nullable(),
    last_used_at: time.nullable(),
    replaces: id('key').nullable(),
    note: z.string().nullable(),
  })
  .meta({ description: 'Metadata only: only the platform can decrypt a managed key.' })

export const EncryptedSecret = z
  .object({ format: z.literal('jwe_compact'), recipient_key_id: z.string(), ciphertext: z.string() })
  .meta({ description: 'A nested JWT, encrypted to the public key of the platform.' })

export const NewKey = Key.extend({ encrypted_secret: EncryptedSecret })

export const Delivery = z.object({
  id: id('dlv'),
  event_id: id('evt'),
  type: z.string(),
  installation_id: id('ins').nullable().meta({ description: 'Null for a `ping`, which belongs to the app alone' }),
  status: z.enum(['pending', 'delivered', 'failed', 'cancelled']),
  attempts: z.array(z.object({ at: time, status: z.int().nullable(), ms: z.int(), error: z.string().nullable() })),
})

export const Event = z
  .object({ id: id('evt'), type: z.string(), timestamp: time, data: z.record(z.string(), z.unknown()) })
  .meta({
    description: 'As delivered. `data` of a `ping` has `app_id` and no `installation`.',
  })

/** How many items a page has. */
export const limited = z.object({
  limit: z.coerce
    .number('must be a number')
    .int('must be whole')
    .min(1, 'must be 1 or more')
    .max(100, 'must be 100 or less')
    .default(20),
})

/** A cursor is the id of an item, which may have been deleted. */
const cursorOf = (prefix: string, what = 'the `next_cursor` of another page') =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-z]{26}$`), `must be ${what}`)
    .optional()
    .meta({ description: '`next_cursor` of the previous page' })

export const pageOf = (prefix: IdPrefix) => limited.extend({ cursor: cursorOf(prefix) })

/** The feed continues after any event; `cursor` is an alias, the name used by every list. */
export const eventsPage = limited
  .extend({
    after: cursorOf('evt', 'the id of an event').meta({
      description: 'the id of the last event that you have processed',
    }),
    cursor: cursorOf('evt'),
  })
  .refine(({ after, cursor }) => after === undefined || cursor === undefined, {
    path: ['cursor'],
    message: 'cannot be combined with after',
  })

/** The body of a call without parameters: absent, or any object. */
export const NoMembers = z.object({}, 'must be a JSON object')

/** Text for people, at most `max` characters. */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .max(max, `must have ${max} characters or fewer`)
    .refine(showsAll, 'must not contain hidden characters')

export const WebhookSecret = z.object({ webhook_secret: z.string() })

/** One page of a list. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), next_cursor: z.string().nullable() })
