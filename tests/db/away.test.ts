import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAway, isConflict, isLost } from '../../db/away.ts'
import { DatabaseAway } from '../../server/base/errors.ts'

const coded = (code: string, message = 'of the driver') => Object.assign(new Error(message), { code })

const LOST = [
  ...['25006', '57P01', '57P02', '57P03', '57P05', '08000', '08001', '08003', '08006', '08P01'].map(code =>
    coded(code),
  ),
  ...['ECONNRESET', 'EPIPE'].map(code => coded(code)),
  ...['SQLITE_READONLY', 'SQLITE_IOERR', 'SQLITE_CANTOPEN'].map(code => coded(code)),
  new Error('select 1 - Connection terminated unexpectedly'),
  new Error('Client has encountered a connection error and is not queryable'),
]
const ONLY_AWAY = [
  ...['53100', '53200', '53300', '57014', '58030', '55P03', '25P03'].map(code => coded(code)),
  ...['ECONNREFUSED', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'].map(code => coded(code)),
  ...['SQLITE_BUSY', 'SQLITE_FULL', 'SQLITE_NOMEM'].map(code => coded(code)),
  new Error('Query read timeout'),
  new Error('timeout expired'),
  Object.assign(new Error('Timeout acquiring a connection'), { name: 'KnexTimeoutError' }),
  new DatabaseAway(new Error('of the driver')),
]
const OURS = [
  ...['23505', '42P01', '42601', '22P02', '23503', '40001', '40P01', 'SQLITE_ERROR', 'SQLITE_CONSTRAINT'].map(code =>
    coded(code),
  ),
  new Error('a mistake of ours'),
  'text',
  undefined,
]

test('away: errors of each database, its driver and its pool that are not the fault of the request', () => {
  for (const error of LOST) assert.deepEqual([isAway(error), isLost(error)], [true, true], String(error))
  for (const error of ONLY_AWAY) assert.deepEqual([isAway(error), isLost(error)], [true, false], String(error))
  for (const error of OURS) assert.deepEqual([isAway(error), isLost(error)], [false, false], String(error))
  assert.deepEqual([coded('40P01'), coded('40001'), coded('57P01')].map(isConflict), [true, true, false])
})
