/** The calls that the page offers. */
export const apiCalls = [
  { name: 'GET /v1/charges', method: 'GET', path: '/v1/charges', body: undefined },
  { name: 'GET /v1/customers', method: 'GET', path: '/v1/customers', body: undefined },
  { name: 'GET /v1/payouts', method: 'GET', path: '/v1/payouts', body: undefined },
  { name: 'POST /v1/charges', method: 'POST', path: '/v1/charges', body: { amount: 500, description: 'One book' } },
]

/** The response of the API as shown on the page. */
export interface Answer {
  request: string
  /** The redacted key. */
  key: string
  status: string
  body: string
}
