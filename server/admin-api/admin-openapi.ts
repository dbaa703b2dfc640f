import { openApiDocument } from '../http/openapi.ts'
import { Installation } from '../platform-api/api-schemas.ts'
import {
  Account,
  App,
  Delivery,
  Key,
  Member,
  NewVerifier,
  Platform,
  RegistrationToken,
  User,
  Verifier,
} from './admin-schemas.ts'
import { ADMIN_OPERATIONS } from './operations.ts'

/** The admin API as an OpenAPI 3.1 document. */
export function adminOpenApi(publicUrl: string): Record<string, unknown> {
  return openApiDocument({
    title: 'Latchkey admin API',
    description: 'What an operator can do, for programs. Error codes are stable.',
    publicUrl,
    tags: [
      { name: 'Sign-in', description: 'People who come from your own product' },
      { name: 'People', description: 'Accounts, people, and who is a member of what' },
      { name: 'Installations', description: 'An app installed in an account, in live or test mode' },
      { name: 'Keys', description: 'Managed and restricted keys: metadata, and what ends or stops them' },
      { name: 'Apps', description: 'Apps, and the platforms that publish them' },
      { name: 'Deliveries', description: 'Deliveries of events to platforms' },
      { name: 'Verifiers', description: 'Keys with which APIs verify keys' },
    ],
    components: {
      App,
      Platform,
      RegistrationToken,
      Key,
      Delivery,
      Installation,
      Account,
      Member,
      User,
      Verifier,
      NewVerifier,
    },
    securitySchemes: {
      adminKey: {
        type: 'http',
        scheme: 'bearer',
        description: 'An admin key; the scope that each call needs is named there, and write includes read',
      },
    },
    operations: ADMIN_OPERATIONS,
  })
}
