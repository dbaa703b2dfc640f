import { randomUUID } from 'node:crypto'
import type { VerifiedKey } from 'latchkey/verify'

export interface Charge {
  id: string
  amount: number
  currency: string
  description: string
  customer: string | null
  created_at: string
}

/** The data of one account in one mode. Live and test never mix. */
interface Book {
  charges: Charge[]
  customers: { id: string; name: string; email: string }[]
  payouts: { id: string; amount: number; currency: string; arrives_on: string }[]
}

const mostCharges = 100
const books = new Map<string, Book>()

/** The caller's own data, created at the first call of an account in a mode. */
export function bookOf({ account_id, mode }: VerifiedKey): Book {
  const name = `${account_id} ${mode}`
  const book = books.get(name) ?? (mode === 'live' ? inventLive() : inventTest())
  books.set(name, book)
  return book
}

/** Adds a charge before the caller's others. */
export function addCharge(caller: VerifiedKey, fields: Pick<Charge, 'amount' | 'currency' | 'description'>): Charge {
  const book = bookOf(caller)
  const charge = { id: `ch_${randomUUID()}`, ...fields, customer: null, created_at: new Date().toISOString() }
  book.charges = [charge, ...book.charges].slice(0, mostCharges)
  return charge
}

function inventLive(): Book {
  return {
    charges: [
      charge('ch_live_1003', 4200, 'Two atlases, second hand', 'cus_live_17', hoursAgo(2)),
      charge('ch_live_1002', 1890, 'The tide tables, 2030', 'cus_live_12', hoursAgo(3)),
      charge('ch_live_1001', 12600, 'Gift cards', null, hoursAgo(19)),
    ],
    customers: [
      { id: 'cus_live_17', name: 'Ida Rasmussen', email: 'ida@rasmussen.example' },
      { id: 'cus_live_12', name: 'Tomás Ferreira', email: 'tomas@ferreira.example' },
    ],
    payouts: [
      { id: 'po_live_31', amount: 18003, currency: 'EUR', arrives_on: dayAhead(2) },
      { id: 'po_live_30', amount: 90244, currency: 'EUR', arrives_on: dayAhead(1) },
    ],
  }
}

function inventTest(): Book {
  return {
    charges: [
      charge('ch_test_2', 100, 'Preview of branch "spring"', 'cus_test_1', hoursAgo(4)),
      charge('ch_test_1', 999, 'Preview of branch "main"', null, hoursAgo(28)),
    ],
    customers: [{ id: 'cus_test_1', name: 'Test Customer', email: 'customer@test.example' }],
    payouts: [{ id: 'po_test_1', amount: 1099, currency: 'EUR', arrives_on: dayAhead(1) }],
  }
}

function charge(id: string, amount: number, description: string, customer: string | null, created_at: string): Charge {
  return { id, amount, currency: 'EUR', description, customer, created_at }
}

function hoursAgo(hours: number): string {
  return new Date(Date.now() - hours * 3_600_000).toISOString()
}

function dayAhead(days: number): string {
  return hoursAgo(-24 * days).slice(0, 10)
}
