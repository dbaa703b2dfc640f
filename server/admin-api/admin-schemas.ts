import { z } from 'zod'
import { isOneLine } from '../base/one-line.ts'
import {
  Installation,
  id,
  Delivery as PlatformDelivery,
  Key as PlatformKey,
  time,
} from '../platform-api/api-schemas.ts'

/** What the operations of the admin API share: objects and parts of requests. */

export const Verifier = z.object({
  id: id('vrf'),
  name: z.string(),
  redacted: z.string(),
  status: z.enum(['active', 'revoked']),
  created_at: time,
  revoked_at: time.nullable(),
})

export const NewVerifier = Verifier.extend({ verifier_key: z.string().meta({ description: 'Shown once' }) })

export const Account = z.object({
  id: id('acct'),
  name: z.string(),
  external_id: z.string().nullable(),
  created_at: time,
})

export const User = z.object({
  id: id('usr'),
  email: z.string(),
  name: z.string().nullable(),
  external_id: z.string().nullable(),
  operator: z.boolean(),
  created_at: time,
})

export const role = z.enum(['owner', 'admin', 'developer', 'viewer'], 'must be owner, admin, developer or viewer')

export const Member = z.object({
  user_id: id('usr'),
  external_id: z.string().nullable(),
  email: z.string(),
  name: z.string().nullable(),
  role,
  created_at: time.meta({ description: 'When they became a member' }),
})

/** What another system calls an account or a person; unique among accounts, and among people. */
export const externalId = z
  .string('must be a text')
  .min(1, 'must not be empty')
  .max(255, 'must have 255 characters or fewer')
  .refine(isOneLine, 'must be on one line, without hidden characters')
  .refine(text => text.trim() === text, 'must not begin or end with a space')

export const email = z
  .string('is required')
  .trim()
  .pipe(z.email('must be a whole address, such as name@example.com').max(254, 'must have 254 characters or fewer'))

/** An account or a person in a body or a query: our id, or `external:ID`. */
export const reference = z.string('must be an id or external:ID').min(1, 'must not be empty').max(300).meta({
  description: 'An id, or `external:ID`',
})

export const ofAccount = reference.optional().meta({ description: 'Only of this account: its id, or `external:ID`' })
export const ofApp = z
  .string()
  .regex(/^app_[0-9a-z]{26}$/, 'must be the id of an app')
  .optional()
  .meta({ description: 'Only of this app' })

export const ofInstallation = z
  .string()
  .regex(/^ins_[0-9a-z]{26}$/, 'must be the id of an installation')
  .optional()
  .meta({ description: 'Only of this installation' })

/** What became of each account of a bulk call, in the order asked. */
export const InstallResults = z.object({
  results: z.array(
    z.object({
      account: z.string().meta({ description: 'As it was asked for' }),
      installation: Installation.optional(),
      error: z
        .object({ code: z.string(), status: z.int(), title: z.string(), detail: z.string().optional() })
        .optional(),
    }),
  ),
})

export const App = z.object({
  id: id('app'),
  name: z.string(),
  slug: z.string(),
  status: z.enum(['draft', 'in_review', 'published', 'suspended', 'retired']),
  platform: z.object({ id: id('plat'), name: z.string(), account_id: id('acct') }),
  permissions: z.array(z.string()),
  version: z.int().meta({ description: 'Of the manifest that new installations are asked for' }),
  latest_version: z.int(),
  published_at: time.nullable(),
})

export const Platform = z.object({ id: id('plat'), account_id: id('acct'), name: z.string() })
export const NewPlatform = Platform.extend({ registration_token: z.string().meta({ description: 'Shown once' }) })
export const RegistrationToken = z.object({ id: z.string(), redacted: z.string(), created_at: time })
export const NewRegistrationToken = RegistrationToken.extend({
  registration_token: z.string().meta({ description: 'Shown once' }),
})

export const Key = PlatformKey.extend({ account_id: id('acct'), app_id: id('app').nullable() })

export const Delivery = PlatformDelivery.extend({ app_id: id('app') })

/** A name for people, on one line. */
export const name = z
  .string('is required')
  .trim()
  .min(1, 'must not be empty')
  .max(120, 'must have 120 characters or fewer')
  .refine(isOneLine, 'must be on one line, without hidden characters')

/** The body of a 204. */
export const Nothing = z.null()
