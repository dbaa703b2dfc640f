/** Text that is HTML already. Everything else is escaped in a page. */
export interface Html {
  readonly html: string
}

type Part = Html | string | number | false | null | undefined | Part[]

/** Tag for templates: escapes every value that is not HTML; joins lists, and omits empty values. */
export function html(texts: TemplateStringsArray, ...parts: Part[]): Html {
  return { html: texts.reduce((page, text, at) => page + render(parts[at - 1]) + text) }
}

function render(part: Part): string {
  if (part === false || part === null || part === undefined) return ''
  if (Array.isArray(part)) return part.map(render).join('')
  return typeof part === 'object' ? part.html : escapeHtml(String(part))
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character] ?? '')
}
