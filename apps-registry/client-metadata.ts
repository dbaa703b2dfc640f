import { z } from 'zod'

const flag = z.boolean().optional()
const words = z.array(z.string()).optional()
const word = z.string().optional()
const atOnce = <const Values extends readonly string[]>(values: Values) => z.array(z.enum(values)).optional()

const notAnEmail: z.core.$ZodErrorMap = ({ code }) => (code === 'invalid_type' ? undefined : 'must be an email address')

/**
 * The metadata of RFC 7591 §2 and OpenID Connect Registration §2 that the authorization server stores besides the manifest.
 * This schema finds wrong types and unknown members, and where; the authorization server checks the values.
 */
export const clientMetadata = z.object({
  application_type: z.enum(['web', 'native']).optional(),
  authorization_details_types: atOnce(['installation']),
  contacts: z.array(z.email({ pattern: z.regexes.html5Email, error: notAnEmail })).optional(),
  default_acr_values: words,
  default_max_age: z.int('must be an integer').min(0, 'must not be negative').optional(),
  dpop_bound_access_tokens: flag,
  grant_types: atOnce(['authorization_code', 'refresh_token', 'client_credentials']),
  id_token_signed_response_alg: word,
  initiate_login_uri: word,
  require_auth_time: flag,
  require_pushed_authorization_requests: flag,
  response_modes: atOnce(['query', 'fragment', 'form_post']),
  response_types: atOnce(['code']),
  scope: word,
  sector_identifier_uri: word,
  software_id: word,
  software_version: word,
  subject_type: word,
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt']).optional(),
  token_endpoint_auth_signing_alg: word,
})
