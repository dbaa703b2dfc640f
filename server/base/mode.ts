/** Real or play: every installation and key has one, and they never mix. */
export type Mode = 'live' | 'test'
