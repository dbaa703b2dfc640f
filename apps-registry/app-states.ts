/** The states of an app (docs/rules.md#states): from which each verb may start, and the state it leads to. */
export const APP_TRANSITIONS = {
  submit: { from: ['draft'], to: 'in_review' },
  send_back: { from: ['in_review'], to: 'draft' },
  publish: { from: ['draft', 'in_review', 'published'], to: 'published' },
  suspend: { from: ['published'], to: 'suspended' },
  resume: { from: ['suspended'], to: 'published' },
  retire: { from: ['draft', 'in_review', 'published', 'suspended'], to: 'retired' },
} as const

export type AppStatus = 'draft' | 'in_review' | 'published' | 'suspended' | 'retired'
export type AppVerb = keyof typeof APP_TRANSITIONS

/** Whether all keys of the app are refused, whatever the state of its installations. */
export function stopsKeys(status: AppStatus): boolean {
  return status === 'suspended' || status === 'retired'
}

/** The scope a role needs for acts on an app: developers may also act on a draft that is not in review. */
export function draftScope(status: AppStatus): 'draft' | undefined {
  return status === 'draft' ? 'draft' : undefined
}
