import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterGroup } from './file-group.ts'

/**
 * Flags of the packaged browser that the tests cannot use: some hide faults, one ends the browser with its first page,
 * and software rendering and processes without a zygote double the CPU time.
 */
const unwanted = [
  '--single-process',
  '--disable-web-security',
  '--allow-running-insecure-content',
  '--disable-site-isolation-trials',
  '--no-zygote',
  '--in-process-gpu',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
]

/** The browser has no network: only loopback resolves. */
const quiet = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-sandbox',
  '--disable-gpu',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1, EXCLUDE [::1]',
]

/** Where pictures of the pages go, for people to look at; not kept by git. */
const SHOTS = join(import.meta.dirname, '../../.screenshots')

let shared: Promise<Browser> | undefined

/** Returns the Chromium that the files of a group share. A file opens contexts of its own, and ends with `leaveChromium`. */
export async function openChromium(): Promise<Browser> {
  shared ??= launchChromium()
  return await shared
}

/** Closes every context; the browser itself is closed after the last file of the group. */
export async function leaveChromium(browser: Browser): Promise<void> {
  for (const context of browser.contexts()) await context.close()
  const close = async () => {
    shared = undefined
    await browser.close()
  }
  if (!afterGroup('chromium', close)) await close()
}

/** A picture of the whole page in `.screenshots`, where SCREENSHOTS is set. */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (!process.env['SCREENSHOTS']) return
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
}

/** Launches a headless Chromium: that of CHROMIUM_PATH, or the packaged one. */
async function launchChromium(): Promise<Browser> {
  const path = process.env['CHROMIUM_PATH']
  if (path) return chromium.launch({ executablePath: path, args: quiet, headless: true })
  const { executablePath, args, env } = await packagedChromium()
  return chromium.launch({ executablePath, args: [...args, ...quiet], env, headless: true })
}

/** Violations of WCAG 2 A and AA and 2.1 AA on a page as readable lines; empty if there are none. */
export async function axeFaults(page: Page): Promise<string[]> {
  // Both evaluations run in the debugger, which the page's Content-Security-Policy does not affect.
  const debug = await page.context().newCDPSession(page)
  try {
    await evaluate(debug, `${axe.source}; undefined`)
    const run = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'], resultTypes: ['violations'] })`
    const { violations } = await evaluate<axe.AxeResults>(debug, run)
    return violations.flatMap(({ id, impact, help, nodes }) =>
      nodes.map(({ target, html, failureSummary = '' }) => {
        const why = failureSummary.replaceAll(/\s+/g, ' ')
        return `${page.url()} ${id} (${impact}): ${help}: ${target.join(' ')} ${html} ${why}`
      }),
    )
  } finally {
    await debug.detach()
  }
}

/** The packaged one names directories of its own choice; without any font Chromium ends at the first form control. */
const fontsConfiguration = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`

type Debugger = Awaited<ReturnType<ReturnType<Page['context']>['newCDPSession']>>

async function evaluate<Result>(debug: Debugger, expression: string): Promise<Result> {
  const { result, exceptionDetails } = await debug.send('Runtime.evaluate', {
    expression,
    awaitPromise: true,
    returnByValue: true,
    allowUnsafeEvalBlockedByCSP: true,
  })
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
  return result.value as Result
}

/**
 * Unpacks the packaged browser once per checkout. Test files run at the same time, so each unpacks into a directory of
 * its own and the first to finish gives it the common name.
 */
async function packagedChromium(): Promise<{ executablePath: string; args: string[]; env: Record<string, string> }> {
  process.env['AWS_LAMBDA_JS_RUNTIME'] ??= 'nodejs22.x' // makes the package unpack the libraries it links to
  const { default: packaged } = await import('@sparticuz/chromium')
  const packages = dirname(dirname(dirname(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')))))
  const cache = join(packages, '.cache')
  const home = join(cache, 'latchkey-chromium')
  if (!existsSync(home)) {
    mkdirSync(cache, { recursive: true })
    const unpacking = mkdtempSync(join(cache, 'latchkey-chromium-'))
    await withTemporaryDirectory(unpacking, () => packaged.executablePath())
    writeFileSync(join(unpacking, 'fonts', 'fonts.conf'), fontsConfiguration)
    try {
      renameSync(unpacking, home)
    } catch (fault) {
      rmSync(unpacking, { recursive: true, force: true })
      if (!existsSync(home)) throw fault
    }
  }
  return {
    executablePath: join(home, 'chromium'),
    args: packaged.args.filter(flag => !unwanted.includes(flag)),
    env: {
      ...(process.env as Record<string, string>),
      FONTCONFIG_PATH: join(home, 'fonts'),
      LD_LIBRARY_PATH: [join(home, 'al2023', 'lib'), process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':'),
    },
  }
}

async function withTemporaryDirectory(directory: string, work: () => Promise<unknown>): Promise<void> {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = directory
  try {
    await work()
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
}
