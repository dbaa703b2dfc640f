import { InvalidArgumentError } from 'commander'

/** A name for people; refused before anything is opened. */
export function nameOption(text: string): string {
  const name = text.trim()
  if (name === '') throw new InvalidArgumentError('Give a name.')
  if (name.length > 120) throw new InvalidArgumentError('Use 120 characters or fewer.')
  return name
}
