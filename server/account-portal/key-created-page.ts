import { capitalised, dateText } from '../http/format.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { ShownKey } from '../keys/mint-restricted-key.ts'

/** The only page that ever shows a key. */
export type KeyCreatedPage = {
  heading: string
  lede: string
  key: { name: string; plaintext: string }
  facts: { label: string; text: string; code?: boolean }[]
  notice?: NoticeModel
  verify: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'key-created': KeyCreatedPage
  }
}

/** The response to the form that made a key: the only page that ever shows one. */
export function keyCreatedPage(
  { key, plaintext, again }: ShownKey,
  { publicUrl, replaced = false }: { publicUrl: string; replaced?: boolean },
): KeyCreatedPage {
  const { permissions, addresses, mode, expiresAt } = key
  return {
    heading: 'Copy your new key now',
    lede: 'We do not keep it. When you leave this page it cannot be shown again, to anyone.',
    key: { name: key.name, plaintext },
    facts: [
      { label: 'Permissions', text: permissions.join(', '), code: true },
      { label: 'Mode', text: capitalised(mode) },
      { label: 'Expires', text: expiresAt === null ? 'When you expire it' : `After ${dateText(expiresAt - 1)}` },
      ...(addresses ? [{ label: 'Works from', text: addresses.join(', '), code: true }] : []),
    ],
    ...(again && {
      notice: {
        tone: 'info' as const,
        strong: 'No second key was made.',
        text: 'The form was sent twice. This is the key that the first press made.',
      },
    }),
    ...(replaced &&
      !again && {
        notice: { tone: 'good' as const, strong: `${key.name} was rotated.`, text: 'The old key ends as you chose.' },
      }),
    verify: `curl ${publicUrl}/v1/keys/self \\\n  -H "Authorization: Bearer $YOUR_KEY"`,
  }
}
