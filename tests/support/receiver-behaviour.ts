import type { ServerResponse } from 'node:http'

/**
 * The response of the receiver to one POST: `ok` is 204, or 401 if a secret is set and the signature does not match.
 */
export type Behaviour =
  | 'ok'
  | 'hang'
  | 'redirect'
  | 'huge'
  | 'drop'
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Responds 204 once the promise resolves; the function is called when the whole request has arrived. */
  | { until: () => Promise<unknown> }
  /** Writes exactly this and closes the connection. */
  | { raw: string }
  /** Writes a status and the start of a body that never ends. */
  | { unending: number; headers?: Record<string, string> }

/** Sends the planned response; resolves with what was written, or with the reason why nothing was. */
export async function respond(
  response: ServerResponse,
  step: Behaviour,
  elsewhere: string,
): Promise<number | 'hang' | 'drop'> {
  if (step === 'hang') return 'hang'
  if (step === 'drop') {
    response.destroy()
    return 'drop'
  }
  if (typeof step === 'object' && 'raw' in step) {
    response.socket?.end(step.raw, () => response.destroy())
    return 'drop'
  }
  if (typeof step === 'object' && 'unending' in step) {
    response.writeHead(step.unending, step.headers).write('the first words')
    return step.unending
  }
  if (typeof step === 'object' && 'until' in step) {
    await step.until()
    response.writeHead(204).end()
  } else if (step === 'huge') response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(2 * 1024 * 1024))
  else if (step === 'redirect') response.writeHead(302, { location: elsewhere }).end()
  else if (step === 'ok') response.writeHead(204).end()
  else response.writeHead(step.status, step.headers).end(step.body)
  return response.statusCode
}
