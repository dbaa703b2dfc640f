import type { OutboundFault } from '../base/outbound.ts'

/** The status with which a platform says that nothing more may come to this address (RFC 9110 §15.5.11). */
export const GONE = 410

/** Why nothing left this machine. */
type Unsent = 'no_address' | 'dns' | 'address_refused'

/** How one attempt went. */
export type Outcome =
  /** The platform has the event. */
  | { kind: 'acknowledged'; status: number; address: string }
  /** It wants no event at this address any more. */
  | { kind: 'gone'; status: typeof GONE; address: string }
  /** Any other response. */
  | { kind: 'refused'; status: number; error: 'redirect' | 'status'; retryAfter: string | undefined }
  /** No response, or none in time. */
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

/** An outcome in the delivery log: the status of the response, if there was one, and the error. */
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
