import type { App } from '../../apps-registry/find-app.ts'
import type { AppVersion } from '../../apps-registry/find-own-app.ts'
import type { Catalog } from '../base/catalog.ts'
import { counted, dateText } from '../http/format.ts'
import type { StatusModel } from '../http/page-parts.ts'

export type VersionModel = {
  title: string
  note: string
  status: StatusModel
  changes: { kind: 'added' | 'removed' | 'same'; text: string; note: string; name: string }[]
}

/** A version of the manifest, and what it changed. */
export function versionModel(version: AppVersion, { app, catalog }: { app: App; catalog: Catalog }): VersionModel {
  const title = `Version ${version.number}`
  const common = { title, note: `Made ${dateText(version.at)}`, changes: [] }
  if (version.number < app.version) return { ...common, status: { text: 'Replaced', tone: 'none' } }
  if (version.number === app.version) {
    const live = app.publishedAt !== null && app.status === 'published'
    return { ...common, status: live ? { text: 'Live', tone: 'good' } : { text: 'Current', tone: 'none' } }
  }
  const status = { text: 'In review', tone: 'info', waiting: true } as const
  return { ...common, status, changes: changesOf(version, app, catalog) }
}

function changesOf({ manifest }: AppVersion, app: App, catalog: Catalog): VersionModel['changes'] {
  const before = new Set(app.manifest.permissions.map(({ name }) => name))
  const after = new Set(manifest.permissions.map(({ name }) => name))
  const sentence = (name: string) => catalog.find(entry => entry.name === name)?.sentence ?? name
  const added = manifest.permissions.filter(({ name }) => !before.has(name))
  const removed = app.manifest.permissions.filter(({ name }) => !after.has(name))
  const same = manifest.permissions.length - added.length
  return [
    ...added.map(({ name, purpose }) => ({ kind: 'added' as const, text: sentence(name), note: purpose, name })),
    ...removed.map(({ name }) => ({ kind: 'removed' as const, text: sentence(name), note: '', name })),
    { kind: 'same' as const, text: `${counted(same, 'permission')} unchanged`, note: '', name: '' },
  ]
}
