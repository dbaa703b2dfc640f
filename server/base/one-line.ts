import { showsAll, withoutHidden } from './plain-text.ts'

/** Control characters, line ends of every kind among them. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Whether a name can stand in a mail or a log without making a line of its own, and shows all that it holds. */
export const isOneLine = (text: string): boolean => !BREAKS.test(text) && showsAll(text)

/** The same words on one line, without what is hidden in them. */
export const onOneLine = (text: string): string =>
  withoutHidden(text)
    .replaceAll(/[\p{Cc}\p{Z}]+/gu, ' ')
    .trim()
