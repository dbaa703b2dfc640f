import { openApiDocument } from '../http/openapi.ts'
import { NewVerifier, Verifier } from './admin-schemas.ts'
import { ADMIN_OPERATIONS } from './operations.ts'

/** The admin API as an OpenAPI 3.1 document. */
export function adminOpenApi(publicUrl: string): Record<string, unknown> {
  return openApiDocument({
    title: 'Latchkey admin API',
    description: 'What an operator can do, for programs. Error codes are stable.',
    publicUrl,
    tags: [{ name: 'Verifiers', description: 'Keys with which APIs verify keys' }],
    components: { Verifier, NewVerifier },
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
