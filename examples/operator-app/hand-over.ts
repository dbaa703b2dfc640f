import type { Config } from './config.ts'
import type { Customer } from './customers.ts'

/** What Latchkey wants of a browser that it sent here; empty for a link of our own menu. */
export type Asked = { return_to?: string; state?: string }

/** Asks Latchkey for a link that signs a customer in once; send the browser there at once. */
export async function signInLink(
  { latchkeyUrl, adminKey }: Config,
  customer: Customer,
  signedInAt: Date,
  asked: Asked,
): Promise<string> {
  const answer = await fetch(`${latchkeyUrl}/admin/v1/sign-in-links`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      user: { external_id: customer.id, email: customer.email, name: customer.name },
      accounts: [{ external_id: customer.shop.id, name: customer.shop.name, role: 'owner' }],
      authenticated_at: signedInAt.toISOString(),
      ...asked,
    }),
    signal: AbortSignal.timeout(10_000),
  })
  if (!answer.ok) throw new Error(`Latchkey refused the hand-over: ${answer.status} ${await answer.text()}`)
  return ((await answer.json()) as { url: string }).url
}
