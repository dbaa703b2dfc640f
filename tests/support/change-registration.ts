import assert from 'node:assert/strict'
import type { PublishedApp } from './world.ts'

const NOT_SENT_BACK = [
  'registration_access_token',
  'registration_client_uri',
  'client_id_issued_at',
  'client_secret_expires_at',
  'webhook_secret',
  'status',
]

/** Registers a new version of an app by PUT (RFC 7592 §2.2): what was registered, with some members changed. */
export async function changeRegistration({ registered }: PublishedApp, change: Record<string, unknown>): Promise<void> {
  const headers = {
    authorization: `Bearer ${registered['registration_access_token']}`,
    'content-type': 'application/json',
  }
  const kept = Object.fromEntries(Object.entries(registered).filter(([name]) => !NOT_SENT_BACK.includes(name)))
  const body = JSON.stringify({ ...kept, ...change })
  const answer = await fetch(String(registered['registration_client_uri']), { method: 'PUT', headers, body })
  assert.equal(answer.status, 200, await answer.text())
}
