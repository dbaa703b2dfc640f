import { openApiDocument } from '../http/openapi.ts'
import { Delivery, Event, Installation, Key, NewKey, WebhookSecret } from './api-schemas.ts'
import { OPERATIONS } from './operations.ts'

/** The platform API as an OpenAPI 3.1 document. */
export function platformOpenApi(publicUrl: string): Record<string, unknown> {
  return openApiDocument({
    title: 'Latchkey platform API',
    description: 'Managed keys and installations, for platforms. Error codes are stable.',
    publicUrl,
    tags: [
      { name: 'Installations', description: 'An app installed in an account, in live or test mode' },
      { name: 'Keys', description: 'Managed keys: metadata, and new ones sealed for the platform' },
      {
        name: 'Deliveries',
        description: 'Deliveries of events, the events themselves, and the secret that signs them',
      },
      { name: 'Leaks', description: 'Leaked keys' },
    ],
    components: { Installation, Key, NewKey, Delivery, Event, WebhookSecret },
    securitySchemes: {
      accessToken: {
        type: 'oauth2',
        description: 'From an install or client credentials; DPoP-bound tokens need their proof.',
        flows: { clientCredentials: { tokenUrl: `${publicUrl}/oauth/token`, scopes: {} } },
      },
      key: { type: 'http', scheme: 'bearer', description: 'Any managed or restricted key' },
    },
    operations: OPERATIONS,
  })
}
