/**
 * Whether a text can be stored and sent unchanged: PostgreSQL rejects NUL, and UTF-8 and `jsonb` cannot represent half a
 * surrogate pair.
 */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/**
 * Invisible characters, those that change the order of others (UAX #9, UTS #39 §5.4), and controls other than tab and line end.
 */
const HIDDEN = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cs}\u2800\ufff9-\ufffb]|(?![\t\n\r])\p{Cc}/u

/**
 * Positions in which such a character is part of how the one before it is written: joiners, and variants of emoji, Han and
 * Mongolian.
 */
const JOINED = new RegExp(
  [
    String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})`,
    String.raw`(?<=[\p{scx=Arab}\p{scx=Syrc}\p{scx=Mong}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}])[\u200c\u200d]`,
    String.raw`(?<=\p{Emoji})[\ufe0e\ufe0f]`,
    String.raw`(?<=\p{Script=Han})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
    String.raw`(?<=\p{Script=Mongolian})[\u180b-\u180d\u180f]`,
  ].join('|'),
  'gu',
)

/** Whether a name or text displays all of its characters in order: no bidirectional marks, no invisible characters. */
export const showsAll = (text: string): boolean => !HIDDEN.test(text) || !HIDDEN.test(text.replaceAll(JOINED, ''))

/** The text without hidden characters. */
export const withoutHidden = (text: string): string =>
  showsAll(text) ? text : text.replaceAll(new RegExp(HIDDEN, 'gu'), '')
