/**
 * Measures the verification of keys, on loopback, and prints one table per part. Comparisons are made within a run, in turns.
 *
 *   node bench/verify.ts [throughput] [revocation] [lookups] [memory] [--sqlite | --postgres]
 *        [--sizes=N,N…] [--keys=N] [--rounds=N] [--seconds=N] [--profile=FOLDER] [--count=N]
 *
 * Without a part all are measured, without a database both. `--sizes` is for lookups: the number of keys in each database;
 * 10000000 takes some minutes and 6 GB per database. `--keys`, `--rounds`, `--seconds` and `--profile` are for
 * throughput, `--count` for revocation. better-auth takes part if it is installed:
 * npm ci --prefix bench/peers-verify
 *
 * Not measured: TLS and the network. Figures depend on the machine; ratios travel.
 */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { measureKeyMemory } from './verification/key-memory.ts'
import { measureLookups } from './verification/lookups.ts'
import { measureRevocation } from './verification/revocation.ts'
import { measureThroughput } from './verification/throughput.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sqlite: { type: 'boolean' },
    postgres: { type: 'boolean' },
    sizes: { type: 'string', default: '10000,1000000' },
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '2' },
    keys: { type: 'string', default: '1000' },
    profile: { type: 'string' },
    count: { type: 'string', default: '1000' },
  },
})
const both = Boolean(flags.sqlite) === Boolean(flags.postgres)
const kinds = (['sqlite', 'postgres'] as const).filter(kind => both || flags[kind])
const sizes = flags.sizes.split(',').map(Number)
const parts = {
  throughput: (kind: (typeof kinds)[number]) =>
    measureThroughput(kind, {
      keys: Number(flags.keys),
      rounds: Number(flags.rounds),
      milliseconds: 1_000 * Number(flags.seconds),
      profileDir: flags.profile,
    }),
  revocation: (kind: (typeof kinds)[number]) => measureRevocation(kind, Number(flags.count)),
  lookups: (kind: (typeof kinds)[number]) => measureLookups(kind, sizes),
  memory: (kind: (typeof kinds)[number]) => measureKeyMemory(kind),
}

const unknown = positionals.filter(name => !Object.hasOwn(parts, name))
if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: the parts are ${Object.keys(parts).join(', ')}`)
const load = loadavg().map(value => value.toFixed(1))
console.log(`${availableParallelism()} × ${cpus()[0]?.model}, Node ${process.versions.node}, load ${load.join(' ')}`)
for (const [name, measure] of Object.entries(parts)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  for (const kind of kinds) await measure(kind)
}
