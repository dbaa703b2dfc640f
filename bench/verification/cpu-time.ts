import { readFileSync } from 'node:fs'

const TICKS_A_SECOND = 100 // USER_HZ, which is 100 wherever Node runs on Linux

/** Milliseconds of processor time of a process and its children; NaN without /proc. */
export function cpuTime(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    const own = ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_A_SECOND
    return childrenOf(pid).reduce((sum, child) => sum + cpuTime(child), own)
  } catch {
    return Number.NaN
  }
}

export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
