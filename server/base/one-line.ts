/** Control characters, line ends of every kind among them. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Whether a name can stand in a mail or a log without making a line of its own. */
export const isOneLine = (text: string): boolean => !BREAKS.test(text)

/** The same words on one line. */
export const onOneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Z}]+/gu, ' ').trim()
