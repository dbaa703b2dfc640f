import { AppError } from '../base/errors.ts'
import { dayTimeMoment } from '../http/format.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { Key } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'

/** The acts that redirect to the list, as named in its query. */
export const flashNames = ['expired', 'rotated', 'edited', 'frozen', 'unfrozen'] as const

/** A notice of the act that led here, as long as it is still true. */
export function flashOf(what: (typeof flashNames)[number], key: Key, now: number): NoticeModel | undefined {
  const ended = statusAt(key, now) === 'expired'
  const good = (strong: string, text: string): NoticeModel => ({ tone: 'good', strong, text })
  if (what === 'expired') return ended ? good(`${key.name} has expired.`, 'It is refused from now on.') : undefined
  if (ended) return undefined
  if (what === 'edited') return good(`${key.name} was saved.`, 'What changed is in the activity log.')
  if (what === 'rotated')
    return key.replaces === null ? undefined : good(`${key.name} is being rotated.`, 'The new key is on its way.')
  if (what === 'unfrozen')
    return key.frozenAt === null ? good(`${key.name} works again.`, 'It is the same key.') : undefined
  if (key.frozenAt === null || key.freezeUntil === null) return undefined
  return good(
    `${key.name} is frozen.`,
    `It is refused until you unfreeze it, and expires ${dayTimeMoment(key.freezeUntil).text}.`,
  )
}

/** A notice of what somebody else did in the meantime, for a refused act; undefined for other errors. */
export function refusalOf(error: unknown, key: Pick<Key, 'name'>): { flash: NoticeModel; status: number } | undefined {
  if (!(error instanceof AppError)) return undefined
  const refused = (tone: NoticeModel['tone'], text: string) => ({
    flash: { tone, strong: 'Nothing was changed.', text },
    status: 409,
  })
  if (error.code === 'key.expired') return refused('bad', `${key.name} has expired already.`)
  if (error.code === 'key.form_used') return refused('warn', error.message)
  if (error.code === 'installation.not_active')
    return refused('bad', `The app that ${key.name} belongs to is not installed any more.`)
  return undefined
}
