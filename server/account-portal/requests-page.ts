import { badgeOf } from '../../apps-registry/listing-page.ts'
import { dayTimeMoment } from '../http/format.ts'
import type { AppBadge, FieldFault } from '../http/page-parts.ts'
import type { ShownRequest } from '../installs/install-requests.ts'

export type RequestsPage = {
  account: { id: string; name: string }
  lede: string
  requests: {
    id: string
    app: AppBadge
    text: string
    note: string
    /** For owners and admins: *Approve* leads through the install. */
    acts?: { approve: string; account: string; mode: string; decline: string }
  }[]
  faults: FieldFault[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    requests: RequestsPage
  }
}

export function requestsPage(input: {
  account: { id: string; name: string }
  requests: readonly ShownRequest[]
  answers: boolean
  faults: FieldFault[]
}): RequestsPage {
  const { account, answers } = input
  return {
    account,
    lede: answers
      ? `What members of ${account.name} ask you to install.`
      : `What members of ${account.name} ask for. An owner or admin answers.`,
    requests: input.requests.map(({ id, app, email, mode, note, createdAt }) => ({
      id,
      app: badgeOf(app),
      text: `${email}, ${mode} mode, ${dayTimeMoment(createdAt).text}`,
      note,
      ...(answers && {
        acts: {
          approve: `/marketplace/${app.slug}/install`,
          account: account.id,
          mode,
          decline: `/settings/requests/${id}/decline`,
        },
      }),
    })),
    faults: input.faults,
  }
}
