import { type DestinationStream, pino } from 'pino'

export type Log = {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** Bytes buffered for a slow reader of the log; further lines are dropped and counted. */
const MOST_WAITING = 1024 * 1024

/** JSON lines on standard error, because standard output is for results. Headers and bodies are never logged. */
export function createLog(level: (typeof LOG_LEVELS)[number]): Log {
  const stream = process.stderr
  // The reader is gone (EPIPE) or the disk is full: there is nowhere else to report it.
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore)
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  const toStream = pino(options, stream)
  const dropped = (lines: number) => toStream.warn({ lines }, 'log lines were dropped: the output is not being read')
  return pino(options, boundedDestination(stream, dropped))
}

/**
 * Writes lines to a stream that does not block, such as a pipe or socket, without waiting for its reader. Once there is room
 * again, `dropped` gets the number of dropped lines.
 */
function boundedDestination(stream: NodeJS.WriteStream, dropped: (lines: number) => void): DestinationStream {
  let lost = 0
  return {
    write(line) {
      if (stream.writableLength > MOST_WAITING) {
        lost += 1
        return
      }
      if (lost > 0) {
        dropped(lost)
        lost = 0
      }
      stream.write(line)
    },
  }
}

function ignore(): void {}
