export type Limit = {
  /** The number of calls in each window. */
  points: number
  /** The length of a window in seconds. It begins with the first call. */
  seconds: number
  /** Who is counted, in the words of docs/limits.md. */
  by:
    | 'address'
    | 'address and email'
    | 'email'
    | 'browser'
    | 'person'
    | 'person or address'
    | 'app'
    | 'platform'
    | 'admin key'
    | 'everybody'
  /** How many points a process draws at once; 1 if each call must be counted at once. */
  block?: number
}

/**
 * Every limit. An address is an IPv4 address or an IPv6 /64 (`networkOf`). Document changes in docs/limits.md; a test
 * compares the two, and finds routes that write and have no limit.
 */
export const LIMITS = {
  pages: { points: 600, seconds: 60, by: 'person or address', block: 30 },
  forms: { points: 120, seconds: 60, by: 'person or address', block: 6 },
  sign_in_address: { points: 30, seconds: 300, by: 'address' },
  sign_in_pair: { points: 10, seconds: 900, by: 'address and email' },
  sign_in_email: { points: 30, seconds: 900, by: 'email' },
  sign_in_pair_under_attack: { points: 3, seconds: 900, by: 'address and email' },
  sign_in_browser: { points: 10, seconds: 900, by: 'browser' },
  sign_in_known: { points: 30, seconds: 900, by: 'person' },
  second_factor: { points: 10, seconds: 900, by: 'person' },
  reset_address: { points: 20, seconds: 3_600, by: 'address' },
  sign_up_address: { points: 20, seconds: 3_600, by: 'address' },
  passwords: { points: 100, seconds: 5, by: 'everybody', block: 4 },
  install_requests: { points: 20, seconds: 3_600, by: 'person' },
  invitations: { points: 30, seconds: 3_600, by: 'person' },
  invitation_email: { points: 1, seconds: 3_600, by: 'email' },
  new_keys: { points: 60, seconds: 3_600, by: 'person' },
  activity_export: { points: 10, seconds: 600, by: 'person' },
  test_delivery: { points: 30, seconds: 60, by: 'app' },
  authorize: { points: 120, seconds: 60, by: 'person or address', block: 4 },
  oauth_address: { points: 600, seconds: 60, by: 'address', block: 30 },
  oauth_app: { points: 1_200, seconds: 60, by: 'app', block: 60 },
  register: { points: 60, seconds: 3_600, by: 'address' },
  register_platform: { points: 60, seconds: 3_600, by: 'platform' },
  update_app: { points: 60, seconds: 3_600, by: 'app' },
  api: { points: 1_200, seconds: 60, by: 'app', block: 60 },
  admin: { points: 1_200, seconds: 60, by: 'admin key', block: 60 },
  leaks: { points: 30, seconds: 60, by: 'address' },
} as const satisfies Record<string, Limit>

export type LimitName = keyof typeof LIMITS
