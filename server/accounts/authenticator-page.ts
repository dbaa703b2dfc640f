import { create } from 'qrcode'
import type { FieldFault } from '../http/page-parts.ts'

export type AuthenticatorPage = {
  faults: FieldFault[]
  /** In groups of four, to be typed. */
  secret: string
  /** The secret, sealed; posted back. */
  sealed: string
  qr: { size: number; path: string }
}

export type RecoveryCodesPage = { codes: string[] }

declare module '../http/page-parts.ts' {
  interface Pages {
    authenticator: AuthenticatorPage
    'recovery-codes': RecoveryCodesPage
  }
}

/** White modules around the code, which readers need (ISO/IEC 18004). */
const MARGIN = 4

/** A QR code as one path of an SVG image. */
export function qrOf(text: string): AuthenticatorPage['qr'] {
  const { modules } = create(text, { errorCorrectionLevel: 'M' })
  const squares: string[] = []
  for (let row = 0; row < modules.size; row += 1)
    for (let column = 0; column < modules.size; column += 1)
      if (modules.get(row, column)) squares.push(`M${column + MARGIN} ${row + MARGIN}h1v1h-1z`)
  return { size: modules.size + 2 * MARGIN, path: squares.join('') }
}

/** `ABCD EFGH` */
export function inFours(secret: string): string {
  return (secret.match(/.{1,4}/g) ?? []).join(' ')
}
