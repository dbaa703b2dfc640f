/** A secret that is shown in the answer that made it and never again. */
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
