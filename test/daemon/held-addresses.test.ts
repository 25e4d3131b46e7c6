import t from 'tap'
import { HeldAddresses } from '../../src/daemon/held-addresses.js'
import type { LocatedAddress } from '../../src/port/network-watch.js'

const at = (nic: string): LocatedAddress => ({ address: '10.0.0.5', prefix: 24, nic, family: 4, isPrimary: true })

t.test('held addresses: of a group that is held -> where they are', async t => {
  const held = new HeldAddresses()
  t.strictSame(held.of(0, 0, [at('eth0')]), ['10.0.0.5/24@eth0'])
  t.strictSame(held.of(0, 0, [at('eth1')]), ['10.0.0.5/24@eth1'], 'it was moved')
  t.strictSame(held.of(0, 1, null), [], 'a resource without an address')
})

t.test('held addresses: one vanished and is being put back -> where it was, as it may be there again before this is said anew', async t => {
  const held = new HeldAddresses()
  held.of(0, 0, [at('eth0')])
  t.strictSame(held.of(0, 0, []), ['10.0.0.5/24@eth0'])
  t.strictSame(held.of(0, 0, null), ['10.0.0.5/24@eth0'])
})

t.test('held addresses: the group was released, and is held again -> what was before is forgotten', async t => {
  const held = new HeldAddresses()
  held.of(0, 0, [at('eth0')])
  held.forget(0)
  t.strictSame(held.of(0, 0, []), [])
})
