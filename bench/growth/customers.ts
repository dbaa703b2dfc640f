import { runStatements } from '../run-statements.ts'

/** A signed-in person, and their installation of the app. */
export type Customer = { cookie: string; accountId: string; installationId: string }

/** Signs up a person with an account of their own; returns their cookie. */
export async function signUp(origin: string, email: string): Promise<string> {
  const answer = await fetch(`${origin}/signup`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin, 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ email, password: 'a long enough sentence', account_name: 'Quay Coffee' }),
  })
  const cookie = answer.headers.getSetCookie().find(text => text.startsWith('latchkey='))
  if (!cookie) throw new Error(`no sign-up: ${answer.status} ${await answer.text()}`)
  return cookie.split(';')[0] ?? ''
}

/**
 * Assigns the inserted keys: number n belongs to customer n % (customers + 1), counted from 1; remainder 0 stays with others.
 * Of those, keys below `below` become restricted keys of the person with the email `quiet`.
 */
export async function giveKeys(
  database: string,
  { customers, quiet, below }: { customers: readonly Customer[]; quiet: string; below: number },
): Promise<void> {
  const number = 'cast(substr(id, 5) as bigint)'
  const remainder = `${number} % ${customers.length + 1}`
  const account = `(select account_id from memberships join users on users.id = user_id where email = '${quiet}')`
  const statements = [
    ...customers.map(
      ({ accountId, installationId }, index) =>
        `update keys set account_id = '${accountId}', installation_id = '${installationId}', delivered_at = created_at
         where id like 'key_000%' and ${remainder} = ${index + 1}`,
    ),
    `update keys set account_id = ${account}, installation_id = null, app_id = null, kind = 'restricted'
     where id like 'key_000%' and ${remainder} = 0 and ${number} < ${below}`,
  ]
  await runStatements(database, statements)
}
