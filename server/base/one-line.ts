import { showsAll, withoutHidden } from './plain-text.ts'

/** Control characters, including line ends of every kind. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Whether a name fits on one line of a mail or a log and has no hidden characters. */
export const isOneLine = (text: string): boolean => !BREAKS.test(text) && showsAll(text)

/** The text on one line, without hidden characters. */
export const onOneLine = (text: string): string =>
  withoutHidden(text)
    .replaceAll(/[\p{Cc}\p{Z}]+/gu, ' ')
    .trim()
