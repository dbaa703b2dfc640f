import type { Page } from 'playwright-core'

/** The words of a page's main part that wrap over more than one line, each once. */
export async function brokenWords(page: Page): Promise<string[]> {
  return await page.evaluate<string[]>(`(() => {
    const broken = new Set()
    const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT)
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      if (text.parentElement.closest('[popover], .sr-only')) continue
      for (const word of text.data.matchAll(/\\S+/g)) {
        const range = document.createRange()
        range.setStart(text, word.index)
        range.setEnd(text, word.index + word[0].length)
        const lines = new Set([...range.getClientRects()].filter(box => box.width > 0).map(box => Math.round(box.top)))
        if (lines.size > 1) broken.add(word[0])
      }
    }
    return [...broken]
  })()`)
}
