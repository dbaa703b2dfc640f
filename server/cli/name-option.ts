import { InvalidArgumentError } from 'commander'
import { isOneLine } from '../base/one-line.ts'

/** A name for people; checked before anything is opened. */
export function nameOption(text: string): string {
  const name = text.trim()
  if (name === '') throw new InvalidArgumentError('Give a name.')
  if (name.length > 120) throw new InvalidArgumentError('Use 120 characters or fewer.')
  if (!isOneLine(name)) throw new InvalidArgumentError('Write the name on one line, without hidden characters.')
  return name
}
