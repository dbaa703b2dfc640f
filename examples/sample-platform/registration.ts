import { readFile } from 'node:fs/promises'
import * as oauth from 'openid-client'
import type { Config } from './config.ts'
import { publicJwks, type Registration, type Secrets, saveSecrets } from './secrets.ts'

/** A manifest as it is registered: RFC 7591 metadata and what Latchkey adds to it. */
export type Manifest = Partial<oauth.ClientMetadata> & { client_name: string }

/** Reads the manifest file and adds the URLs that only the running platform knows. */
export async function readManifest({ manifest, name, url, installStarts }: Config): Promise<Manifest> {
  const written = JSON.parse(await readFile(manifest, 'utf8')) as Manifest
  return {
    ...written,
    client_name: name ?? written.client_name,
    redirect_uris: [`${url}/callback`],
    key_delivery_uri: `${url}/latchkey/events`,
    logo_uri: `${url}/logo.svg`,
    ...(installStarts === 'here' && { install_uri: `${url}/connect` }),
    setup_uri: `${url}/`,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
  }
}

/** The registration at Latchkey; registers at the first start (RFC 7591). */
export async function ensureRegistered(config: Config, manifest: Manifest, secrets: Secrets): Promise<Registration> {
  const registration = secrets.registration ?? (await register(config, manifest, secrets))
  if (registration.redirect_uri !== `${config.url}/callback`) {
    throw new Error(
      `Registered with ${registration.redirect_uri}, but this start is at ${config.url}. ` +
        `Use the same address, or empty ${config.data} to register anew.`,
    )
  }
  return registration
}

/** Plain http to Latchkey is allowed on loopback only. */
export function insecureOnlyOnLoopback(issuer: string): { execute?: ((config: oauth.Configuration) => void)[] } {
  const { protocol, hostname } = new URL(issuer)
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol === 'http:' && loopback ? { execute: [oauth.allowInsecureRequests] } : {}
}

async function register(config: Config, manifest: Manifest, secrets: Secrets): Promise<Registration> {
  if (!config.registrationToken) {
    throw new Error(
      'Not registered yet: LATCHKEY_REGISTRATION_TOKEN is missing. Your platform page at Latchkey has it.',
    )
  }
  // Symmetric and private members are never sent; `jwks` has public keys only.
  const metadata = { ...manifest, jwks: publicJwks(secrets) } as Partial<oauth.ClientMetadata>
  const answer = await requestRegistration(config, metadata)
  const registration = toRegistration(answer, `${config.url}/callback`)
  await saveSecrets(config.data, { ...secrets, registration })
  return registration
}

async function requestRegistration(config: Config, metadata: Partial<oauth.ClientMetadata>) {
  try {
    const registered = await oauth.dynamicClientRegistration(new URL(config.issuer), metadata, undefined, {
      initialAccessToken: config.registrationToken as string,
      ...insecureOnlyOnLoopback(config.issuer),
    })
    return registered.clientMetadata()
  } catch (cause) {
    throw new Error(`Latchkey did not register this platform: ${reasonOf(cause)}`, { cause })
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError) return `${error.error}: ${error.error_description ?? ''}`
  return error instanceof Error ? error.message : 'unknown error'
}

function toRegistration(answer: oauth.ClientMetadata, redirect_uri: string): Registration {
  const text = (name: string) => (typeof answer[name] === 'string' ? answer[name] : undefined)
  const webhook_secret = text('webhook_secret')
  if (!webhook_secret)
    throw new Error('Latchkey answered without webhook_secret: it could not be told from anybody else')
  const registration_access_token = text('registration_access_token')
  const registration_client_uri = text('registration_client_uri')
  return {
    client_id: answer.client_id,
    redirect_uri,
    webhook_secret,
    ...(registration_access_token && { registration_access_token }),
    ...(registration_client_uri && { registration_client_uri }),
  }
}
