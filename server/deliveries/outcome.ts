import type { OutboundFault } from '../base/outbound.ts'

/** The status for an address that accepts no more events (RFC 9110 §15.5.11). */
export const GONE = 410

/** Why nothing was sent. */
type Unsent = 'no_address' | 'dns' | 'address_refused'

/** The outcome of one attempt. */
export type Outcome =
  /** The platform acknowledged the event. */
  | { kind: 'acknowledged'; status: number; address: string }
  /** The address accepts no more events. */
  | { kind: 'gone'; status: typeof GONE; address: string }
  /** Any other response. */
  | { kind: 'refused'; status: number; error: 'redirect' | 'status'; retryAfter: string | undefined }
  /** No response in time. */
  | { kind: 'unanswered'; error: Exclude<OutboundFault, Unsent> }
  | { kind: 'unsent'; error: Unsent }

/** The outcome of a response. Only 2xx acknowledges; a redirect is not followed. */
export function outcomeOfAnswer(status: number, retryAfter: string | undefined, address: string): Outcome {
  if (status >= 200 && status < 300) return { kind: 'acknowledged', status, address }
  if (status === GONE) return { kind: 'gone', status, address }
  const error = status >= 300 && status < 400 ? 'redirect' : 'status'
  return { kind: 'refused', status, error, retryAfter }
}

export function outcomeOfFault(error: OutboundFault): Outcome {
  return error === 'dns' || error === 'address_refused' ? { kind: 'unsent', error } : { kind: 'unanswered', error }
}

/** An outcome in the delivery log: the status of the response, if any, and the error. */
export function logged(outcome: Outcome): { status: number | null; error: string | null } {
  switch (outcome.kind) {
    case 'acknowledged':
      return { status: outcome.status, error: null }
    case 'gone':
      return { status: outcome.status, error: 'status' }
    case 'refused':
      return { status: outcome.status, error: outcome.error }
    case 'unanswered':
    case 'unsent':
      return { status: null, error: outcome.error }
  }
}
