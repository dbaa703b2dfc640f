import type { Request, Response } from 'express'
import { endRegistrationToken, replaceRegistrationToken } from '../../apps-registry/registration-token.ts'
import { replaceClientSecret } from '../../apps-registry/replace-client-secret.ts'
import { rotateWebhookSecret } from '../../apps-registry/rotate-webhook-secret.ts'
import { memberOf } from '../accounts/session-guard.ts'
import { idParam } from '../http/request.ts'
import { endAppTokens } from '../oauth/end-app-tokens.ts'
import { issueRegistrationToken } from '../oauth/registration-tokens.ts'
import { changeOwnApp, type PortalAppCaps } from './own-app-access.ts'
import type { SecretOncePage } from './secret-once-page.ts'

/** Replaces the webhook secret and shows the new one once. */
export async function renewWebhookSecret(caps: PortalAppCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const value = await changeOwnApp(caps, req, res, (tx, app) =>
    rotateWebhookSecret(tx, caps, { appId: app.id, actor, endsRegistrationToken: true }),
  )
  showSecret(caps, req, res, {
    id: 'webhook-secret',
    label: 'Webhook secret',
    value,
    hint: 'The old one also signs for 24 hours: update your receiver by then. The registration access token no longer works.',
  })
}

/** Replaces the client secret, ends the tokens of the app, and shows the new secret once. */
export async function renewClientSecret(caps: PortalAppCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const value = await changeOwnApp(caps, req, res, async (tx, app) => {
    const secret = await replaceClientSecret(tx, caps, { appId: app.id, actor })
    await endAppTokens(tx, app.id)
    return secret
  })
  showSecret(caps, req, res, {
    id: 'client-secret',
    label: 'Client secret',
    value,
    hint: 'The old one is refused at once, and so are the app’s own tokens and the registration access token.',
  })
}

/** Replaces the registration access token (RFC 7592) and shows the new one once. */
export async function renewRegistrationToken(caps: PortalAppCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const value = await changeOwnApp(caps, req, res, (tx, app) => {
    const issue = (appId: string) => issueRegistrationToken(tx, caps.provider, appId)
    return replaceRegistrationToken(tx, caps, { appId: app.id, actor, issue })
  })
  showSecret(caps, req, res, {
    id: 'registration-access-token',
    label: 'Registration access token',
    value,
    hint: 'It reads and changes the registration. The old one is refused at once.',
  })
}

/** Ends the registration access token (RFC 7592). */
export async function endOwnRegistrationToken(caps: PortalAppCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const id = await changeOwnApp(caps, req, res, async (tx, app) => {
    await endRegistrationToken(tx, caps, { appId: app.id, actor })
    return app.id
  })
  res.redirect(303, `/platform/apps/${id}#credentials`)
}

function showSecret(caps: PortalAppCaps, req: Request, res: Response, secret: SecretOncePage['secrets'][number]): void {
  const href = `/platform/apps/${idParam(req, 'app', 'app')}`
  const page: SecretOncePage = {
    crumb: { href, text: 'Back to the app' },
    heading: `Copy the new ${secret.label.toLowerCase()} now`,
    lede: 'When you leave this page it cannot be shown again, to anyone.',
    secrets: [secret],
    doneHref: href,
  }
  caps.render(req, res, 'secret-once', { title: secret.label, nav: 'platform' }, page)
}
