import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceOf } from '../../server/accounts/device-name.ts'

const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
const BLINK = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36'
const TABLE = [
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux', false],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${BLINK}`, 'Chrome on Windows', false],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${BLINK} Edg/150.0.0.0`, 'Edge on Windows', false],
  [`Mozilla/5.0 (Linux; Android 15) ${BLINK}`, 'Chrome on Android', true],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) ${WEBKIT} Version/18.5 Safari/604.1`,
    'Safari on iPhone',
    true,
  ],
  [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.5 Safari/605.1.15`, 'Safari on macOS', false],
  ['curl/8.0', 'A browser', false],
  ['', 'A browser', false],
] as const

test('a browser is named as people name it', () => {
  for (const [userAgent, name, handheld] of TABLE) assert.deepEqual(deviceOf(userAgent), { name, handheld }, userAgent)
})
