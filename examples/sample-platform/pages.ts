import type { Response } from 'express'
import { type Answer, apiCalls } from './api-calls.ts'
import { isReplaced, isUsable } from './apply-event.ts'
import { type Html, html } from './html.ts'
import type { HeldKey, Installation, ReceivedEvent, State } from './store.ts'

/** The pages of this platform. They work without scripts and never contain a key. */
export interface Pages {
  home(res: Response, state: State, shown?: { connected?: boolean; answer?: Answer }): void
  message(res: Response, status: number, title: string, text: string): void
}

const eventsShown = 30

/** Makes the pages under the platform's name. */
export function makePages(name: string, issuer: string): Pages {
  const send = (res: Response, status: number, title: string, content: Html) => {
    res
      .status(status)
      .type('html')
      .send(layout(name, title, content).html)
  }
  return {
    home: (res, state, shown = {}) => send(res, 200, name, homePage(name, issuer, state, shown)),
    message: (res, status, title, text) => send(res, status, `${title} · ${name}`, messagePage(title, text)),
  }
}

function layout(name: string, title: string, content: Html): Html {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="stylesheet" href="/platform.css">
    <link rel="icon" href="/logo.svg" type="image/svg+xml">
  </head>
  <body>
    <header><a href="/"><img src="/logo.svg" alt="" width="32" height="32">${name}</a></header>
    <main>${content}</main>
    <footer>A sample platform. It shows that it holds keys by using them, never by showing them.</footer>
  </body>
</html>
`
}

function messagePage(title: string, text: string): Html {
  return html`
<section class="panel narrow">
  <h1>${title}</h1>
  <p>${text}</p>
  <p><a class="button" href="/">Back to the start</a></p>
</section>`
}

interface Shown {
  connected?: boolean
  answer?: Answer
}

function homePage(name: string, issuer: string, state: State, { connected, answer }: Shown): Html {
  const now = new Date()
  const shown = state.installations
    .filter(one => !isReplaced(state, one) || one.keys.some(key => isUsable(key, now)))
    .sort((a, b) => b.generation - a.generation)
  const isConnected = shown.some(one => one.status !== 'uninstalled' && !isReplaced(state, one))
  return html`
<h1>${name}</h1>
${answer && answerPanel(answer)}
${connected && html`<p class="notice" role="status">Connected. Keys arrive on their own; nobody copies them.</p>`}
${isConnected ? connectedNote() : connectPanel(name, issuer)}
${shown.map(one => installationPanel(one, isReplaced(state, one), now))}
${eventsPanel(state.events)}`
}

function connectPanel(name: string, issuer: string): Html {
  return html`
<section class="panel">
  <h2>Connect your account</h2>
  <p>${name} gets its API keys from ${new URL(issuer).host}. You decide there what it may do. The keys come here sealed.</p>
  <form method="get" action="/connect"><button class="primary">Connect with Latchkey</button></form>
  <p class="small"><a href="/connect?mode=test">Use test mode instead</a></p>
</section>`
}

function connectedNote(): Html {
  return html`<p class="small">Have another account, or another mode? <a href="/connect">Connect it as well</a>.</p>`
}

function answerPanel({ request, key, status, body }: Answer): Html {
  const good = status.startsWith('2')
  return html`
<section class="panel" aria-labelledby="answer">
  <h2 id="answer">The API answered <span class="tag ${good ? 'good' : 'bad'}">${status}</span></h2>
  <p class="small">${request}, with the key ${key}</p>
  <pre tabindex="0" role="region" aria-labelledby="answer">${body}</pre>
</section>`
}

const states: Record<Installation['status'], { word: string; tone: string }> = {
  connecting: { word: 'Waiting for keys', tone: 'wait' },
  active: { word: 'Active', tone: 'good' },
  suspended: { word: 'Suspended', tone: 'bad' },
  uninstalled: { word: 'Uninstalled', tone: '' },
}

function installationPanel(one: Installation, replaced: boolean, now: Date): Html {
  const { word, tone } = states[replaced ? 'uninstalled' : one.status]
  const usable = one.keys.filter(key => isUsable(key, now))
  return html`
<section class="panel" aria-labelledby="${one.id}">
  <h2 id="${one.id}">${one.account_name ?? one.account_id}
    <span class="tag">${one.mode === 'live' ? 'Live' : 'Test'}</span> <span class="tag ${tone}">${word}</span></h2>
  <p class="small">Installation <code>${one.id}</code>, generation ${one.generation}</p>
  ${one.keys.length > 0 ? keyTable(one.keys, now) : html`<p>No keys yet. <a href="/">Check again</a></p>`}
  ${usable.length > 0 && callForm(one.id, usable)}
</section>`
}

function keyTable(keys: HeldKey[], now: Date): Html {
  return html`
<div class="scroll" tabindex="0" role="region" aria-label="Keys">
<table>
  <thead><tr><th scope="col">Key</th><th scope="col">Redacted</th><th scope="col">Permissions</th><th scope="col">State</th></tr></thead>
  <tbody>${keys.map(key => keyRow(key, now))}</tbody>
</table>
</div>`
}

function keyRow(key: HeldKey, now: Date): Html {
  const over = key.status === 'expired' || (key.expires_at !== null && Date.parse(key.expires_at) <= now.getTime())
  const until = key.expires_at && html` until ${time(key.expires_at)}`
  return html`
<tr>
  <th scope="row">${key.name || 'Never arrived'}</th>
  <td><code>${key.redacted}</code></td>
  <td>${key.permissions.join(', ')}</td>
  <td>${over ? 'Expired' : html`${words[key.status]}${until}`}</td>
</tr>`
}

const words: Record<HeldKey['status'], string> = {
  active: 'Active',
  expiring: 'Expiring',
  kept: 'Kept after uninstall',
  expired: 'Expired',
}

function callForm(id: string, keys: HeldKey[]): Html {
  return html`
<form class="call" method="post" action="/call">
  <div><label for="key-${id}">Key</label>
    <select id="key-${id}" name="key">${keys.map(key => html`<option value="${key.id}">${key.name} ${key.redacted}</option>`)}</select></div>
  <div><label for="request-${id}">Request</label>
    <select id="request-${id}" name="request">${apiCalls.map(call => html`<option>${call.name}</option>`)}</select></div>
  <button>Call the API</button>
</form>`
}

function eventsPanel(events: ReceivedEvent[]): Html {
  const rows = events.slice(0, eventsShown).map(
    event => html`
<tr>
  <th scope="row">${event.type}${!event.applied && html` <span class="tag">Late, ignored</span>`}</th>
  <td>${time(event.received_at)}</td>
  <td>${event.sequence ?? '–'}</td>
</tr>`,
  )
  const table = html`
<div class="scroll" tabindex="0" role="region" aria-label="Events">
<table>
  <thead><tr><th scope="col">Type</th><th scope="col">Received</th><th scope="col">Sequence</th></tr></thead>
  <tbody>${rows}</tbody>
</table>
</div>`
  return html`
<section class="panel" aria-labelledby="events">
  <h2 id="events">Events received</h2>
  ${events.length > 0 ? table : html`<p>None yet. The first comes when an account has installed the app.</p>`}
</section>`
}

function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`
}
