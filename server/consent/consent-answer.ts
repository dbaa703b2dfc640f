import { z } from 'zod'
import type { Fault } from '../base/errors.ts'
import type { Consideration } from './consider-install.ts'

/** The fields of the consent form. */
export const answerForm = z.object({
  decision: z.enum(['install', 'continue', 'cancel']),
  account: z.string().max(100).optional(),
  mode: z.string().max(10).optional(),
  kept: z.enum(['leave', 'expire']).optional().catch(undefined),
  kept_seen: z.string().max(120).optional().catch(''),
  shown: z.string().max(120).optional().catch(undefined),
  version: z.coerce.number().int().optional().catch(undefined),
})

export type Answer = z.infer<typeof answerForm>

/**
 * The chosen account or mode differs from the page, and the app is installed there already: that must be shown first.
 */
export function isUnseen({ existing, target }: Consideration, answer: Answer): boolean {
  return (
    answer.decision === 'install' &&
    existing !== undefined &&
    target !== undefined &&
    answer.shown !== undefined &&
    answer.shown !== targetName(target)
  )
}

/** Errors of a submitted decision; the page is shown again in its current state. */
export function faultsOf({ accounts, asked, target, kept, app, existing }: Consideration, answer: Answer): Fault[] {
  const faults: Fault[] = []
  if (
    answer.account !== undefined &&
    accounts.length > 0 &&
    !accounts.some(({ account }) => account.id === answer.account)
  ) {
    faults.push({ field: 'account', message: 'Choose one of your accounts.' })
  }
  if (answer.mode !== undefined && target && !asked.some(mode => mode === answer.mode))
    faults.push({ field: 'mode', message: 'Choose a mode.' })
  if (existing) return faults
  if (answer.decision === 'continue') {
    faults.push({
      field: '',
      message: 'The app was uninstalled after you opened this page. Review its request again.',
    })
  }
  if (kept.count > 0 && keptChoice({ kept, target }, answer) === '')
    faults.push({ field: 'kept', message: 'Choose what happens to the keys from last time.' })
  if (answer.version !== undefined && answer.version !== app.version) {
    faults.push({
      field: '',
      message: 'The app changed its request after you opened this page. Review it again.',
    })
  }
  return faults
}

/** The choice about kept keys; empty if it would expire keys that the page did not list. */
export function keptChoice(
  { kept, target }: Pick<Consideration, 'kept' | 'target'>,
  answer: Answer,
): '' | 'leave' | 'expire' {
  const unseen = answer.kept_seen !== undefined && !saw(answer.kept_seen, target, kept.latest ?? 0)
  return answer.kept === 'expire' && unseen ? '' : (answer.kept ?? '')
}

/** The hidden field about kept keys: their account and mode, and when the last of them was kept. */
export function keptSeen({ kept, target }: Pick<Consideration, 'kept' | 'target'>): string {
  return target && kept.latest !== null ? `${targetName(target)}:${kept.latest}` : ''
}

function saw(seen: string, target: Consideration['target'], latest: number): boolean {
  const [name, at] = [seen.slice(0, seen.lastIndexOf(':')), seen.slice(seen.lastIndexOf(':') + 1)]
  return target !== undefined && name === targetName(target) && /^\d{1,16}$/.test(at) && latest <= Number(at)
}

/** An account and a mode as one string, for a hidden field. */
export function targetName(target: { accountId: string; mode: string }): string {
  return `${target.accountId}:${target.mode}`
}
