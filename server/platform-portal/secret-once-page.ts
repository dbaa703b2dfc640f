/** A secret that is shown only in the response that made it. */
export type SecretOncePage = {
  crumb: { href: string; text: string }
  heading: string
  lede: string
  secrets: { id: string; label: string; value: string; hint: string }[]
  doneHref: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'secret-once': SecretOncePage
  }
}
