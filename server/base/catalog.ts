import { z } from 'zod'

/** One permission of the operator's API; it is also an OAuth scope. */
export type Permission = {
  name: string
  resource: string
  access: 'read' | 'write'
  /** For the consent screen. */
  sentence: string
  risks: ('moves_money' | 'personal_data' | 'irreversible')[]
}

export type Catalog = readonly Permission[]

const RESERVED = new Set(['openid', 'offline_access'])

const schema = z
  .array(
    z.object({
      name: z
        .string()
        .regex(/^[a-z0-9_.:-]{1,80}$/, 'must be 1 to 80 of a-z 0-9 _ . : -')
        .refine(name => !RESERVED.has(name), 'is a scope of OpenID Connect'),
      resource: z.string().min(1).max(80),
      access: z.enum(['read', 'write']),
      sentence: z.string().min(1).max(200),
      risks: z.array(z.enum(['moves_money', 'personal_data', 'irreversible'])).default([]),
    }),
  )
  .min(1)
  .refine(list => new Set(list.map(permission => permission.name)).size === list.length, 'names a permission twice')

/** Checks the operator's catalog. Throws an Error with one line that names the first fault. */
export function parseCatalog(json: unknown): Catalog {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Error(`${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
}

/** A sample for a small payments API; used if the operator configures no catalog. */
export const SAMPLE_CATALOG: Catalog = [
  read('charges', 'See charges: amount, date, card brand and last four digits'),
  write('charges', 'Create and capture charges', ['moves_money']),
  read('refunds', 'See refunds and their reasons'),
  write('refunds', 'Refund charges, up to the amount paid', ['moves_money', 'irreversible']),
  read('customers', 'See customers: name, email and billing address', ['personal_data']),
  write('customers', 'Add and change customers', ['personal_data']),
  read('payouts', 'See payouts and the day they arrive'),
  write('payouts', 'Start payouts to your bank account', ['moves_money', 'irreversible']),
  read('invoices', 'See invoices and whether they are paid'),
  write('invoices', 'Write and send invoices'),
  read('disputes', 'See disputes and their evidence', ['personal_data']),
  write('disputes', 'Answer disputes with evidence', ['irreversible']),
  read('products', 'See products and prices'),
  write('products', 'Add and change products and prices'),
  read('webhooks', 'See webhook endpoints'),
  write('webhooks', 'Add and change webhook endpoints'),
]

function read(resource: string, sentence: string, risks: Permission['risks'] = []): Permission {
  return { name: `${resource}:read`, resource, access: 'read', sentence, risks }
}

function write(resource: string, sentence: string, risks: Permission['risks'] = []): Permission {
  return { name: `${resource}:write`, resource, access: 'write', sentence, risks }
}
