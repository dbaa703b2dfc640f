import { createBoundedMap } from './bounded-map.ts'
import { createRecordCopies, type Groups } from './record-copies.ts'
import { createRecordReadings } from './record-readings.ts'

/** Copies of records by id, bounded, for as long as their source lets them be trusted. */
export type RecordCache<Found> = {
  /** At once where a copy may be trusted, else as the source has it now; nothing if there is no such record. */
  lookup(id: string): Found | undefined | Promise<Found | undefined>
  /** The record has changed; a read that is under way is not kept. */
  forget(id: string): void
  /** Every record of a group has changed, and any that is being read may have. It costs the same however many are kept. */
  forgetGroup(group: string): void
  forgetAll(): void
  readonly size: number
}

export type RecordSource<Found> = {
  load(id: string): Promise<Found | undefined>
  /** Whether copies may be trusted now. */
  trusted(): boolean
  /** Milliseconds, monotonic. */
  elapsed(): number
  groups?: Groups<Found>
  /** How many records are kept at most. */
  most: number
  /** How many ids that name nothing are kept, and for how long. */
  mostUnknown: number
  unknownFor: number
}

/** Without trusted copies, a lookup later than this after a read began starts its own read. */
const SHARED_FOR = 20
/** Copies, ids that name nothing, and reads under way. Unknown ids have room of their own: they push no record out. */
export function createRecordCache<Found extends object>(source: RecordSource<Found>): RecordCache<Found> {
  const copies = createRecordCopies(source.most, source.groups ?? [])
  const unknownUntil = createBoundedMap<number>(source.mostUnknown)
  const readings = createRecordReadings<Found>(source, (id, found) => {
    if (found) copies.keep(id, found)
    else unknownUntil.set(id, source.elapsed() + source.unknownFor)
  })

  return {
    lookup(id) {
      const trusted = source.trusted()
      if (trusted) {
        const copy = copies.find(id)
        if (copy) return copy
        const until = unknownUntil.peek(id)
        if (until !== undefined && source.elapsed() < until) return undefined
      }
      const shared = readings.latest(id)
      if (shared && (trusted || source.elapsed() - shared.begunAt < SHARED_FOR)) return shared.answer
      return readings.read(id)
    },
    forget(id) {
      copies.forget(id)
      unknownUntil.delete(id)
      readings.outdate(id)
    },
    forgetGroup(group) {
      copies.forgetGroup(group)
      readings.outdate()
    },
    forgetAll() {
      copies.forgetAll()
      unknownUntil.clear()
      readings.outdate()
    },
    get size() {
      return copies.size()
    },
  }
}
