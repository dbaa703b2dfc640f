import { type Command, InvalidArgumentError } from 'commander'
import { createAdminKey, listAdminKeys, revokeAdminKey, statusOfAdminKey } from '../admin-keys/admin-keys.ts'
import { isScope, SCOPES, type Scope } from '../admin-keys/scopes.ts'
import { DAY, isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { isId } from '../base/ids.ts'
import { parseAllowlist } from '../keys/allowlist.ts'
import { nameOption } from './name-option.ts'
import { OPERATOR } from './operator.ts'
import { run } from './run.ts'

const MOST_DAYS = 3_650

type Options = { name: string; scope: Scope[]; expiresInDays?: number; allow?: string[] }

export function adminKeyCommands(program: Command): void {
  const adminKey = program.command('admin-key').description('keys of the admin API')
  adminKey
    .command('create')
    .description('creates a key with which a program of yours administers this instance; it is shown once')
    .requiredOption('--name <name>', 'up to 120 characters', nameOption)
    .requiredOption('--scope <scope>', `${SCOPES.join(', ')}; may be repeated`, scopeOption)
    .option('--expires-in-days <days>', `1 to ${MOST_DAYS}`, daysOption)
    .option('--allow <cidr>', 'an address or range that it may be used from; may be repeated', collect)
    .action(
      run<Options>(async (deps, { name, scope: scopes, expiresInDays, allow }) => {
        const { addresses, faults } = parseAllowlist(allow?.join('\n') ?? '')
        if (faults.length > 0)
          throw new AppError('request.invalid', { faults: faults.map(message => ({ field: '--allow', message })) })
        const expiresAt = expiresInDays === undefined ? null : deps.clock.now() + expiresInDays * DAY
        const command = { name, scopes, addresses, expiresAt, actor: OPERATOR }
        const made = await deps.database.transaction(tx => createAdminKey(tx, deps, command))
        return { admin_key_id: made.adminKeyId, admin_key: made.adminKey }
      }),
    )
  adminKey
    .command('list')
    .description('lists admin keys, the newest first')
    .action(run(async deps => ({ admin_keys: await list(deps) })))
  adminKey
    .command('revoke <admin-key>')
    .description('revokes an admin key (adk_…) at once')
    .action(
      run(async (deps, _options, [id = '']) => {
        if (!isId('adk', id)) throw new AppError('object.not_found', { detail: 'There is no such admin key.' })
        await deps.database.transaction(tx => revokeAdminKey(tx, deps, { id, actor: OPERATOR }))
        return { admin_key_id: id, status: 'revoked' }
      }),
    )
}

async function list({ database, clock }: Parameters<Parameters<typeof run>[0]>[0]): Promise<object[]> {
  const keys = await database.read(tx => listAdminKeys(tx))
  return keys.map(key => ({
    id: key.id,
    name: key.name,
    redacted: key.redacted,
    scopes: key.scopes,
    addresses: key.addresses,
    status: statusOfAdminKey(key, clock.now()),
    created_at: isoTime(key.createdAt),
    expires_at: key.expiresAt === null ? null : isoTime(key.expiresAt),
  }))
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function scopeOption(text: string, before: Scope[] = []): Scope[] {
  if (!isScope(text)) throw new InvalidArgumentError(`Use ${SCOPES.join(', ')}.`)
  return [...before, text]
}

function daysOption(text: string): number {
  const days = Number(text)
  if (!Number.isInteger(days) || days < 1 || days > MOST_DAYS)
    throw new InvalidArgumentError(`Use a whole number from 1 to ${MOST_DAYS}.`)
  return days
}
