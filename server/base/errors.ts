/**
 * Every error that a caller may see, one entry per cause. `status` is HTTP; `code` is the stable code of problem+json, which
 * identifies the cause (docs/wire.md#error-codes); `title` is for people.
 */
export const ERRORS = {
  'request.invalid': { status: 400, code: 'invalid_request', title: 'The request is invalid' },
  'request.too_large': { status: 413, code: 'request_too_large', title: 'The request is too large' },
  'request.cross_site': { status: 403, code: 'cross_site_request', title: 'This form was sent from another site' },
  'request.rate_limited': { status: 429, code: 'rate_limited', title: 'Too many requests' },
  'request.key_reused': {
    status: 422,
    code: 'idempotency_key_reused',
    title: 'The Idempotency-Key was used for another request',
  },
  'access.unauthorized': { status: 401, code: 'unauthorized', title: 'A valid credential is required' },
  'access.invalid_proof': { status: 401, code: 'unauthorized', title: 'The DPoP proof is not valid' },
  'access.forbidden': { status: 403, code: 'forbidden', title: 'This is not allowed' },
  'access.scope': { status: 403, code: 'insufficient_scope', title: 'The admin key lacks a scope' },
  'access.role': { status: 403, code: 'role_not_allowed', title: 'Your role does not allow this' },
  'access.no_account': { status: 403, code: 'no_account', title: 'You are not a member of any account' },
  'object.not_found': { status: 404, code: 'not_found', title: 'There is nothing here' },
  'account.signup_closed': { status: 403, code: 'signup_closed', title: 'Accounts are by invitation' },
  'account.email_taken': { status: 409, code: 'email_taken', title: 'Another person has this email' },
  'account.no_passwords': { status: 403, code: 'passwords_off', title: 'Nobody signs in with a password here' },
  'sign_in.link_over': { status: 410, code: 'sign_in_link_over', title: 'This sign-in link no longer works' },
  'sign_in.not_fresh': { status: 403, code: 'sign_in_not_fresh', title: 'You were not asked to sign in again' },
  'identity.refused': { status: 403, code: 'identity_refused', title: 'The sign-in was not completed' },
  'identity.invalid': { status: 502, code: 'identity_invalid', title: 'The sign-in service gave an invalid answer' },
  'identity.unavailable': { status: 503, code: 'identity_unavailable', title: 'The sign-in service is unavailable' },
  'account.last_owner': { status: 409, code: 'last_owner', title: 'The account would have no owner' },
  'people.external_id_taken': { status: 409, code: 'external_id_taken', title: 'The external id is in use' },
  'account.managed_outside': {
    status: 409,
    code: 'managed_outside',
    title: 'The members of this account are managed elsewhere',
  },
  'member.exists': { status: 409, code: 'member_exists', title: 'This person is a member already' },
  'invitation.exists': { status: 409, code: 'invitation_exists', title: 'This person is invited already' },
  'invitation.limit': { status: 409, code: 'invitation_limit', title: 'Too many invitations are open' },
  'invitation.over': { status: 404, code: 'invitation_over', title: 'This invitation is over' },
  'invitation.other_person': {
    status: 403,
    code: 'invitation_for_another',
    title: 'This invitation is for somebody else',
  },
  'account.link_over': { status: 404, code: 'link_over', title: 'This link is over' },
  'account.sign_in_over': { status: 409, code: 'sign_in_over', title: 'This sign-in is over' },
  'platform.exists': { status: 409, code: 'platform_exists', title: 'This account already has a publisher' },
  'app.not_installable': { status: 409, code: 'app_not_installable', title: 'This app cannot be installed' },
  'app.changed': { status: 409, code: 'app_changed', title: 'What the app asks for has changed' },
  'app.status': { status: 409, code: 'app_status_mismatch', title: 'The status of the app does not allow this' },
  'app.retired': { status: 409, code: 'app_retired', title: 'The app is retired' },
  'app.no_address': { status: 409, code: 'delivery_address_missing', title: 'The app has no key delivery address' },
  'app.no_secret': { status: 409, code: 'client_secret_missing', title: 'The app has no client secret' },
  'app.recipient_key': { status: 409, code: 'recipient_key_unusable', title: 'The app has no usable encryption key' },
  'installation.not_active': { status: 409, code: 'installation_not_active', title: 'The installation is not active' },
  'installation.ended': { status: 409, code: 'installation_ended', title: 'The app has been uninstalled' },
  'installation.suspended_by_operator': {
    status: 403,
    code: 'suspended_by_operator',
    title: 'Only the operator can resume the installation',
  },
  'consent.kept_unanswered': {
    status: 422,
    code: 'kept_keys_undecided',
    title: 'Choose what happens to the keys from last time',
  },
  'consent.over': { status: 400, code: 'authorization_request_over', title: 'This request is over' },
  'permission.not_granted': {
    status: 403,
    code: 'permission_not_granted',
    title: 'The account has not granted this permission',
  },
  'key.rotation_in_progress': { status: 409, code: 'rotation_in_progress', title: 'This key is being rotated already' },
  'key.changed': { status: 409, code: 'key_changed', title: 'The key has changed' },
  'key.form_used': { status: 409, code: 'form_used', title: 'This form has already created a key' },
  'key.leaked': { status: 422, code: 'key_leaked', title: 'The key was found in public' },
  'key.frozen': { status: 409, code: 'key_frozen', title: 'The key is frozen' },
  'key.limit': { status: 409, code: 'key_limit_reached', title: 'The key limit is reached' },
  'key.expired': { status: 409, code: 'key_expired', title: 'The key has expired' },
  'delivery.recipient_key_changed': {
    status: 409,
    code: 'recipient_key_changed',
    title: 'The key was sealed for a public key that the app no longer has',
  },
  'delivery.not_redeliverable': {
    status: 409,
    code: 'delivery_not_redeliverable',
    title: 'The status of the delivery does not allow a redelivery',
  },
  'service.busy': { status: 503, code: 'busy', title: 'Latchkey is busy' },
  'service.unavailable': { status: 503, code: 'unavailable', title: 'Latchkey is unavailable' },
  internal: { status: 500, code: 'internal', title: 'Something went wrong' },
} as const satisfies Record<string, { status: number; code: string; title: string }>

export type ErrorCode = keyof typeof ERRORS

/** One fault of the input: the field's name and a sentence. */
export type Fault = { field: string; message: string }

type Details = { detail?: string; faults?: Fault[]; retryAfter?: number; cause?: unknown }

/** An error that the caller may see. `detail` and `faults` are public; `cause` only reaches the log. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly faults: Fault[]
  /** Seconds to wait before a retry. */
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, { detail, faults = [], retryAfter, cause }: Details = {}) {
    super(detail ?? ERRORS[code].title, { cause })
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.faults = faults
    this.retryAfter = retryAfter
  }
}

/**
 * The database cannot be reached or cannot do the operation now: it is full, read-only, restarting, or out of connections. The
 * request is valid and may be retried. Every method of `Database` throws it.
 */
export class DatabaseAway extends Error {
  constructor(cause: unknown) {
    super(`the database is unavailable: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'DatabaseAway'
  }
}

/** The server's user cannot use a file. The operator must fix this; requests do not cause it. */
export class FileFault extends Error {
  constructor(file: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${file} cannot be used: ${reason}. The server’s user must own it and its folder`, { cause })
    this.name = 'FileFault'
  }
}

/** The database was migrated by something other than a release: a checkout from before 0.2.0, or another branch. */
export class SchemaFault extends Error {
  constructor(unknown: readonly string[]) {
    super(
      `the database was created by an unreleased checkout: it has migrations that this version does not know (${unknown.join(', ')}). It cannot be updated. Nothing was changed. Start with an empty database (another DATA_DIR or DATABASE_URL), or run the checkout that created this one`,
    )
    this.name = 'SchemaFault'
  }
}

/** `Retry-After` while the database is unavailable, in seconds. */
export const AWAY_RETRY_SECONDS = 2
