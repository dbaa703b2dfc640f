import type { App } from '../../apps-registry/find-app.ts'
import { hasRegistrationToken } from '../../apps-registry/registration-token.ts'
import { inText } from './delivery-model-page.ts'

/** The credentials of an app with their actions, without secrets. */
export type AppCredentials = {
  clientSecret: { note: string; replaceAction?: string }
  webhookSecret: { note: string; rotateAction?: string }
  registrationToken: { note: string; issueAction?: string; endAction?: string }
}

/** `acts`: whether the person may change them. `base`: the path of the app's page. */
export function credentialsOf(
  app: App,
  { acts, base, publicUrl, now }: { acts: boolean; base: string; publicUrl: string; now: number },
): AppCredentials {
  return {
    clientSecret: {
      note:
        app.clientSecret === null
          ? `None: it authenticates with ${String(app.client['token_endpoint_auth_method'] ?? 'a key')}.`
          : 'Replacing it ends the old one at once, and the registration access token.',
      ...(acts && app.clientSecret !== null && { replaceAction: `${base}/client-secret` }),
    },
    webhookSecret: {
      note: webhookNote(app, now),
      ...(acts && { rotateAction: `${base}/webhook-secret` }),
    },
    registrationToken: {
      note: tokenNote(app, publicUrl),
      ...(acts && { issueAction: `${base}/registration-token` }),
      ...(acts && hasRegistrationToken(app) && { endAction: `${base}/registration-token/end` }),
    },
  }
}

function tokenNote(app: App, publicUrl: string): string {
  if (!hasRegistrationToken(app)) return 'None. Only this page changes the registration.'
  return `Reads and changes the registration at ${publicUrl}/oauth/register/${app.id}. Replacing a secret here ends it.`
}

function webhookNote(app: App, now: number): string {
  const until = app.previousWebhookSecretsUntil ?? 0
  if (until <= now) return 'Signs every delivery. After a rotation the old one also signs for 24 hours.'
  return `The old one also signs, and stops ${inText(until, now)}.`
}
