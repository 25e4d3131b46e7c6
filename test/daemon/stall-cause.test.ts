import t from 'tap'
import { instant, millis } from '../../src/base/units.js'
import { judgeStall, readAccount, StallCauses, type Account } from '../../src/daemon/stall-cause.js'

const nothing: Account = { ranMs: 0, waitedForProcessorMs: 0, waitedForDiskMs: 0, stolenMs: [0, 0] }
const account = (change: Partial<Account>): Account => ({ ...nothing, ...change })

const table: readonly { readonly now: Partial<Account>; readonly cause: string }[] = [
  { now: {}, cause: 'it was stopped, or its machine was' },
  { now: { ranMs: 49, waitedForProcessorMs: 49, waitedForDiskMs: 40 }, cause: 'it was stopped, or its machine was' },
  { now: { ranMs: 90, waitedForProcessorMs: 10 }, cause: 'it was busy itself' },
  { now: { ranMs: 50, waitedForProcessorMs: 60 }, cause: 'it waited for a processor' },
  { now: { waitedForDiskMs: 100, waitedForProcessorMs: 60 }, cause: 'it waited for a disk' },
  { now: { stolenMs: [0, 60] }, cause: 'the host gave this machine no processor' },
  { now: { stolenMs: [60, 60], waitedForProcessorMs: 100 }, cause: 'the host gave this machine no processor' },
  { now: { stolenMs: [10, 0], waitedForProcessorMs: 100 }, cause: 'it waited for a processor' }
]

for (const { now, cause } of table) {
  t.test(`a stall of 100 ms, in which the kernel counted ${JSON.stringify(now)} -> ${cause}`, async t => {
    t.equal(judgeStall(millis(100), nothing, account(now)), cause)
  })
}

t.test('what happened long before the stall does not explain it', async t => {
  const accounts = [nothing, account({ ranMs: 5_000 }), account({ ranMs: 5_010 }), account({ ranMs: 5_020 })]
  const causes = new StallCauses(millis(1_000), () => accounts.shift() ?? null)
  causes.sample(instant(60_000))
  t.equal(causes.causeOf(millis(200)), 'it was stopped, or its machine was')
  t.equal(causes.causeOf(millis(20)), 'it was busy itself', 'nor does the stall before')
})

t.test('an account is taken once in the given time, however often it is asked for', async t => {
  let readings = 0
  const causes = new StallCauses(millis(1_000), () => {
    readings += 1
    return nothing
  })
  for (let ms = 0; ms < 3_000; ms += 100) causes.sample(instant(ms))
  t.equal(readings, 1 + 3)
})

t.test('a kernel that keeps no account -> no cause is named', async t => {
  t.equal(new StallCauses(millis(1_000), () => null).causeOf(millis(100)), null)
})

t.test('the account of this very process: what it did is in it, and a machine that no host robs is not asked again', async t => {
  const before = readAccount(null)
  t.ok(before !== null && before.stolenMs.length > 0)
  const until = performance.now() + 60
  while (performance.now() < until);
  const now = readAccount(before)
  t.ok(before !== null && now !== null && now.ranMs > before.ranMs)
  const neverRobbed = account({ stolenMs: [0, 0, 0] })
  t.equal(readAccount(neverRobbed)?.stolenMs, neverRobbed.stolenMs)
})
