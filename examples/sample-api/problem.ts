import type { Response } from 'express'

/** Responds with problem+json (RFC 9457); `code` is for programs, `detail` for people. */
export function sendProblem(res: Response, status: number, code: string, title: string, detail: string): void {
  res
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, code, detail }))
}
