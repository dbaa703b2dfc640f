import { Command, CommanderError } from 'commander'
import { AppError, DatabaseAway, FileFault, SchemaFault } from '../base/errors.ts'
import { ConfigError } from '../config.ts'
import { adminKeyCommands } from './admin-key-commands.ts'
import { appCommands } from './app-commands.ts'
import { auditCommands } from './audit-commands.ts'
import { databaseCommands } from './database-commands.ts'
import { doctorCommand } from './doctor-command.ts'
import { installationCommands } from './installation-commands.ts'
import { platformCommands } from './platform-commands.ts'
import { signingKeysCommands } from './signing-keys-commands.ts'
import { userCommands } from './user-commands.ts'
import { verifierCommands } from './verifier-commands.ts'

const everything = [
  userCommands,
  platformCommands,
  appCommands,
  installationCommands,
  verifierCommands,
  adminKeyCommands,
  signingKeysCommands,
  databaseCommands,
  auditCommands,
  doctorCommand,
]

/** Runs one command of the command line; `args` are those after the name of the program. Sets the exit status. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = new Command('latchkey')
    .description('Administers a Latchkey instance, with or without a running server.')
    .exitOverride() // inherited by the commands; without it an unknown option ends the process
  for (const add of everything) add(program)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode // its message has been written
      return
    }
    process.stderr.write(`${messageOf(error)}\n`)
    process.exitCode = 1
  }
}

/** A plain sentence for a caller's mistake; the stack for a fault of ours. */
function messageOf(error: unknown): string {
  if (error instanceof AppError)
    return [error.message, ...error.faults.map(({ field, message }) => `  ${field}: ${message}`)].join('\n')
  const known = [ConfigError, DatabaseAway, FileFault, SchemaFault]
  if (known.some(kind => error instanceof kind)) return (error as Error).message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
