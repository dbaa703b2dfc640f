/** Live or test: every installation and key has one mode, and the two never mix. */
export type Mode = 'live' | 'test'
