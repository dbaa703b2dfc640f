import { runProgram } from '../../server/cli/program.ts'

/** A command for this process, and how it ended. */
export type Asked = { env: Record<string, string>; args: readonly string[] }

/** Runs the commands that its parent sends, one after the other, so that they load the program once. */
process.on('message', (asked: Asked) => void runOne(asked).then(ended => process.send?.(ended)))

async function runOne({ env, args }: Asked): Promise<{ code: number; stdout: string; stderr: string }> {
  process.env = { ...env }
  process.exitCode = 0
  const [stdout, stderr] = [gather(process.stdout), gather(process.stderr)]
  await runProgram(args)
  const code = Number(process.exitCode)
  return { code, stdout: stdout.end(), stderr: stderr.end() }
}

/** What is written to a stream until `end`, instead of writing it. */
function gather(stream: NodeJS.WriteStream): { end(): string } {
  const { write } = stream
  let written = ''
  stream.write = (chunk: string | Uint8Array) => {
    written += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    return true
  }
  return {
    end() {
      stream.write = write
      return written
    },
  }
}
