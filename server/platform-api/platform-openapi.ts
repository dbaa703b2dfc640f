import { openApiDocument } from '../http/openapi.ts'
import { Delivery, Event, Installation, Key, NewKey, WebhookSecret } from './api-schemas.ts'
import { OPERATIONS } from './operations.ts'

/** The platform API as an OpenAPI 3.1 document. */
export function platformOpenApi(publicUrl: string): Record<string, unknown> {
  return openApiDocument({
    title: 'Latchkey platform API',
    description: 'The whole life of managed keys, for platforms. Codes of errors are stable.',
    publicUrl,
    tags: [
      { name: 'Installations', description: 'The app in an account, live or test' },
      { name: 'Keys', description: 'Managed keys: metadata, and new ones sealed for the platform' },
      { name: 'Deliveries', description: 'Events on their way, the same events to reconcile, and what signs them' },
      { name: 'Leaks', description: 'Keys that were found in public' },
    ],
    components: { Installation, Key, NewKey, Delivery, Event, WebhookSecret },
    securitySchemes: {
      accessToken: {
        type: 'oauth2',
        description: 'Of an install, or client credentials; DPoP-bound tokens need their proof.',
        flows: { clientCredentials: { tokenUrl: `${publicUrl}/oauth/token`, scopes: {} } },
      },
      key: { type: 'http', scheme: 'bearer', description: 'Any managed or restricted key' },
    },
    operations: OPERATIONS,
  })
}
