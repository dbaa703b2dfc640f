import { z } from 'zod'

const installation = z.object({
  id: z.string(),
  generation: z.int(),
  account_id: z.string(),
  account_name: z.string(),
  app_id: z.string(),
  mode: z.enum(['live', 'test']),
})
const key = z.object({
  id: z.string(),
  name: z.string(),
  redacted: z.string(),
  permissions: z.array(z.string()),
  expires_at: z.string().nullable().default(null),
})
const sealed = z.object({ format: z.literal('jwe_compact'), recipient_key_id: z.string(), ciphertext: z.string() })
const outcome = z.object({
  id: z.string(),
  outcome: z.enum(['expired', 'kept']),
  expires_at: z.string().nullable().default(null),
})

// Every event is self-contained: it has its whole installation, and its position in that installation's order.
const about = { installation, sequence: z.int() }
const event = <Type extends string, Shape extends z.core.$ZodShape>(type: Type, more: Shape) =>
  z.object({ type: z.literal(type), data: z.object({ ...about, ...more }) })

const keyCreated = event('managed_key.created', { key, encrypted_secret: sealed })
const keyRotated = event('managed_key.rotated', {
  key,
  encrypted_secret: sealed,
  replaced: z.object({ id: z.string(), expires_at: z.string().nullable().default(null) }).optional(),
})

const installationEvent = z.discriminatedUnion('type', [
  event('installation.created', {}),
  keyCreated,
  keyRotated,
  event('managed_key.expired', { key: z.object({ id: z.string() }) }),
  event('installation.updated', { keys: z.array(key.pick({ id: true, permissions: true })).catch([]) }),
  event('installation.suspended', {}),
  event('installation.resumed', {}),
  event('installation.uninstalled', { keys: z.array(outcome).default([]) }),
])

export type SealedKeyEvent = z.infer<typeof keyCreated> | z.infer<typeof keyRotated>
export type InstallationEvent = z.infer<typeof installationEvent>
/** `other` is a ping, or a type of a later Latchkey: acknowledged, and nothing else. */
export type Event = InstallationEvent | { type: 'other'; name: string }

const known = new Set<string>(installationEvent.options.map(option => option.shape.type.value))

/** Parses a verified body as an event; undefined if it is not one. */
export function parseEvent(body: unknown): Event | undefined {
  const head = z.object({ type: z.string() }).safeParse(body)
  if (!head.success) return undefined
  if (!known.has(head.data.type)) return { type: 'other', name: head.data.type }
  return installationEvent.safeParse(body).data
}

/** Whether the event has a key to decrypt. */
export function bringsKey(event: Event): event is SealedKeyEvent {
  return event.type === 'managed_key.created' || event.type === 'managed_key.rotated'
}
