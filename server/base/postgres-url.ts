import pg from 'pg'

/** Values of `sslmode` that the driver supports. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']

const EXAMPLE = 'postgres://user:password@host:5432/database'

/** The fault of a PostgreSQL URL, or undefined. Makes no connection; reads certificate files. */
export function postgresUrlFault(url: string): string | undefined {
  if (url.includes('#'))
    return `has a "#", which ends an address; write %23 for it (${EXAMPLE}, user and password percent-encoded)`
  const hosts = /^[^:]+:\/\/(?:[^/?]*@)?([^/?]*)/.exec(url)?.[1] ?? ''
  if (hosts.includes(',')) return 'names several hosts; name one, for example of a proxy that leads to the primary'
  if (!URL.canParse(url.replace('@/', '@localhost/').replace(':///', '://localhost/')))
    return `cannot be read; it must be like ${EXAMPLE}, with user and password percent-encoded`
  const options = new URL(url.replace('@/', '@localhost/')).searchParams
  if (options.get('host')?.includes(',')) return 'names several hosts; name one'
  const mode = options.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode)) return `sslmode must be one of ${SSL_MODES.join(', ')}`
  try {
    new pg.Client({ connectionString: url })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'cannot be read'
  }
}
