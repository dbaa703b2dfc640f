/** @import { Latchkey, VerifiedKey } from './types.d.ts' */
import { createAsker } from './ask-latchkey.js'
import { callerAddress, plainAddress } from './caller-address.js'
import { whenGone } from './caller-gone.js'
import { checkPermission, readOptions } from './options.js'
import { bearerOf, isWellFormedKey } from './presented-key.js'
import { refusal, refuse } from './refusals.js'

export { refuse }

/** @type {typeof import('./types.d.ts').connectLatchkey} */
export function connectLatchkey(options = {}) {
  const settings = readOptions(options)
  const { realm, onError } = settings
  const latchkey = createAsker(settings)
  const judge = createJudge(settings, latchkey)

  /** @type {Latchkey['verify']} */
  async function verify(req, ...permissions) {
    if (permissions.length > 0) checkPermission(permissions[0])
    const stop = new AbortController()
    const release = whenGone(req.socket, () => stop.abort(GONE))
    try {
      return await judge(req, permissions[0], stop)
    } catch (error) {
      if (error !== GONE) onError(new Error(`Keys cannot be verified at ${settings.url.origin}: ${reasonOf(error)}`))
      return refusal('verification_unavailable', realm)
    } finally {
      release()
    }
  }

  return {
    verify,
    protect(...permissions) {
      if (permissions.length > 0) checkPermission(permissions[0])
      return (req, res, next) => {
        void verify(req, ...permissions).then(verdict => {
          if (!verdict.valid) return refuse(res, verdict)
          req.latchkey = verdict
          next()
        })
      }
    },
    close: latchkey.close,
  }
}

/**
 * @param {ReturnType<typeof readOptions>} settings
 * @param {ReturnType<typeof createAsker>} latchkey
 */
function createJudge(settings, latchkey) {
  const { realm, trustProxy, address } = settings

  /** @param {import('node:http').IncomingMessage} req */
  const addressOf = req => (address ? plainAddress(address(req) ?? '') : callerAddress(req, trustProxy))
  /** @param {import('node:http').IncomingMessage} req */
  const presented = req => (settings.key ? { key: settings.key(req), repeated: false } : bearerOf(req))

  /**
   * @param {import('node:http').IncomingMessage} req
   * @param {string | undefined} permission
   * @param {AbortController} stop
   */
  async function judge(req, permission, stop) {
    const { key, repeated } = presented(req)
    if (repeated) return refusal('invalid_request', realm)
    if (!key) return refusal('key_missing', realm)
    if (!isWellFormedKey(key)) return refusal('malformed', realm)
    const answer = await latchkey.ask({ key, permission, ip: addressOf(req) }, stop)
    if (isRefusal(answer)) return refusal(answer.code, realm, permission)
    if (isVerifiedKey(answer, permission)) return answer
    throw new Error('it answered something else than a verdict')
  }

  return judge
}

/** @type {typeof import('./types.d.ts').protect} */
export function protect(...permissions) {
  return ofEnvironment().protect(...permissions)
}

/** @type {typeof import('./types.d.ts').verify} */
export async function verify(req, ...permissions) {
  return await ofEnvironment().verify(req, ...permissions)
}

/** @type {typeof import('./types.d.ts').keyOf} */
export function keyOf(req) {
  if (!req.latchkey) throw new Error('latchkey/verify: this route is not behind protect()')
  return req.latchkey
}

const GONE = new Error('the caller hung up')

/** @type {Latchkey | undefined} */
let shared

function ofEnvironment() {
  shared ??= connectLatchkey()
  return shared
}

/**
 * @param {unknown} answer
 * @returns {answer is { valid: false, code: string }}
 */
function isRefusal(answer) {
  return isObject(answer) && answer['valid'] === false && typeof answer['code'] === 'string'
}

/**
 * @param {unknown} answer
 * @param {string | undefined} permission
 * @returns {answer is VerifiedKey}
 */
function isVerifiedKey(answer, permission) {
  if (!isObject(answer) || answer['valid'] !== true) return false
  const { key_id, account_id, mode, permissions } = answer
  if (typeof key_id !== 'string' || typeof account_id !== 'string') return false
  if (mode !== 'live' && mode !== 'test') return false
  return Array.isArray(permissions) && (permission === undefined || permissions.includes(permission))
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null
}

/**
 * The code and message of an error of Node; neither contains request data.
 * @param {unknown} error
 */
function reasonOf(error) {
  return error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : 'unknown error'
}
