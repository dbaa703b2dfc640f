/** The resource indicator (RFC 8707) of the platform API, the only API that access tokens can be requested for. */
export function apiResource(publicUrl: string): string {
  return `${publicUrl}/v1`
}
