import { z } from 'zod'
import { bringIn } from '../../accounts/bring-in.ts'
import { CLOCK_LEEWAY } from '../../accounts/fresh.ts'
import { externalId, outsideName } from '../../accounts/identity-claims.ts'
import { ROLES } from '../../accounts/roles.ts'
import { createSignInLink as create, HAND_OVER_LIFE } from '../../accounts/sign-in-links.ts'
import { isoTime } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { safeReturn } from '../../http/request.ts'
import { time } from '../../platform-api/api-schemas.ts'
import { adminPost } from '../admin-post-operation.ts'

const Body = z.strictObject({
  user: z.strictObject({
    external_id: externalId,
    email: z.email('must be an email address').max(254, 'must have 254 characters or fewer'),
    name: outsideName.optional(),
  }),
  accounts: z
    .array(z.strictObject({ external_id: externalId, name: outsideName, role: z.enum(ROLES) }))
    .min(1, 'must list an account')
    .max(1_000, 'must list 1,000 accounts or fewer')
    .refine(list => new Set(list.map(account => account.external_id)).size === list.length, 'lists an account twice'),
  account: z.string().optional().meta({ description: 'The account to open first: its id, or external:ID' }),
  return_to: z.string().max(4_000).optional().meta({ description: 'An address of this server' }),
  state: z.string().min(1).max(200).optional(),
  authenticated_at: z.iso.datetime({ offset: true, message: 'must be an ISO time' }).optional(),
})

export const createSignInLink = adminPost({
  method: 'post',
  path: '/admin/v1/sign-in-links',
  scope: 'sign-in',
  tag: 'Sign-in',
  id: 'createSignInLink',
  summary: 'Bring a person in and make a link that signs them in once, within 60 s',
  body: Body,
  example: {
    user: { external_id: '42', email: 'mara@harborbooks.example', name: 'Mara Lind' },
    accounts: [{ external_id: 'harbor', name: 'Harbor Books', role: 'owner' }],
  },
  answers: { 201: z.object({ url: z.url(), expires_at: time }) },
  errors: ['account.email_taken'],
  own: async () => undefined,
  async work(tx, { caps, caller: { actor }, body }) {
    const returnTo = body.return_to === undefined ? undefined : pathOf(body.return_to, caps.publicUrl)
    const authenticatedAt = body.authenticated_at === undefined ? undefined : Date.parse(body.authenticated_at)
    if (authenticatedAt !== undefined && authenticatedAt > caps.clock.now() + CLOCK_LEEWAY)
      throw fault('authenticated_at', 'must not be in the future')
    const { external_id: id, email, name } = body.user
    const accounts = body.accounts.map(({ external_id, ...rest }) => ({ externalId: external_id, ...rest }))
    const person = { known: { externalId: id }, email, name, confirmed: true, accounts, actor }
    const { userId, accountIds } = await bringIn(tx, caps, person, 'user.email')
    const accountId = accountOf(body, accountIds)
    const { state } = body
    const link = { userId, accountId, returnTo, state, authenticatedAt, life: HAND_OVER_LIFE }
    const { url, expiresAt } = await create(tx, caps, link)
    return { url, expires_at: isoTime(expiresAt) }
  },
})

/** Which account is opened first; the first of the list by default. */
function accountOf({ account, accounts }: z.output<typeof Body>, ids: readonly string[]): string {
  const at =
    account === undefined ? 0 : ids.findIndex((id, n) => [id, `external:${accounts[n]?.external_id}`].includes(account))
  const id = ids[at]
  if (id === undefined) throw fault('account', 'must be one of accounts: its id, or external:ID')
  return id
}

/** The path of an address of ours. Throws `request.invalid` for any other. */
function pathOf(address: string, publicUrl: string): string {
  const path = address.startsWith(`${publicUrl}/`) ? address.slice(publicUrl.length) : address
  const safe = safeReturn(path, publicUrl, '')
  if (safe === '') throw fault('return_to', 'must be an address of this server')
  return safe
}

function fault(field: string, message: string): AppError {
  return new AppError('request.invalid', { faults: [{ field, message }] })
}
