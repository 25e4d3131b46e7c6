/**
 * The table "Who owns what when something is lost" of README.md, tried with real daemons: each row is done to the owner n1
 * under each means against two owners, and the group must come to rest where the table says. A client counts through the
 * address all the time; under fencing, lease and arbiter no number may be given twice, as two owners would.
 */

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { monotonicMs } from '../lab/command.js'
import { projectDirectory } from '../lab/lab.js'
import { deadtimeMs, needsTool, overlaps, soonMs } from './cluster.js'
import { SafetyLab, leaseMs, methods, toolOf, type Counting, type Method } from './safety-lab.js'

/** Where the group is in the end: on the old owner, on the other node, on both (two owners), or nowhere. */
const words: Readonly<Record<string, string>> = { stays: 'n1', moves: 'n2', both: 'both', nobody: 'nobody' }

interface Row {
  readonly fault: string
  readonly expected: Readonly<Record<Method, string>>
}

function readTable(): readonly Row[] {
  const text = fs.readFileSync(path.join(projectDirectory, 'README.md'), 'utf8')
  const lines = text.split('\n')
  const head = lines.findIndex(line => /^\| lost by the owner +\|/.test(line))
  if (head < 0) throw new Error('README.md has no table that begins with "| lost by the owner |"')
  const cells = (line: string): readonly string[] => line.split('|').slice(1, -1).map(cell => cell.trim())
  const columns = cells(lines[head] ?? '').slice(1)
  const body = lines.slice(head + 2)
  return body.slice(0, body.findIndex(line => !line.startsWith('|'))).map(line => {
    const [fault = '', ...answers] = cells(line)
    const expected = Object.fromEntries(columns.map((column, at) => [column, answers[at] ?? ''])) as Record<Method, string>
    return { fault, expected }
  })
}

const cut = (link: 'eth0' | 'eth1') => ({
  break: (lab: SafetyLab) => lab.cluster.lab.cutLink(lab.n1, link),
  mend: (lab: SafetyLab) => (lab.n1.isOn ? lab.cluster.lab.healLink(lab.n1, link) : undefined)
})

const faults: Readonly<Record<string, { break(lab: SafetyLab, counting: Counting): Promise<void> | void; mend(lab: SafetyLab): Promise<void> | void }>> = {
  'second link': cut('eth1'),
  'service link': cut('eth0'),
  'both links': { break: lab => lab.cluster.lab.cutBothLinks(lab.n1), mend: lab => (lab.n1.isOn ? lab.cluster.lab.healBothLinks(lab.n1) : undefined) },
  'the other node, on both links': { break: lab => lab.separate(null), mend: lab => lab.rejoin() },
  'its voice: it hears, and is not heard': { break: lab => lab.separate(lab.n1), mend: lab => lab.rejoin() },
  'its ear: it is heard, and does not hear': { break: lab => lab.separate(lab.n2), mend: lab => lab.rejoin() },
  'shared disk': { break: lab => lab.loseDisk(lab.n1), mend: lab => lab.findDisk(lab.n1) },
  'shared disk for less than the lease': {
    break: async lab => {
      lab.loseDisk(lab.n1)
      await lab.cluster.watch('time passes with a slow disk', () => true, leaseMs / 4)
      lab.findDisk(lab.n1)
    },
    mend: () => undefined
  },
  arbiter: { break: lab => lab.stopEtcd(), mend: lab => (lab.method === 'arbiter' ? lab.startEtcd() : undefined) },
  'ping node': { break: lab => lab.losePing(lab.n1), mend: lab => lab.rejoin() },
  power: {
    break: async lab => {
      await lab.cluster.lab.powerOff(lab.n1)
    },
    mend: () => undefined
  },
  // A machine that stands still keeps its address and serves nobody; what counts is what it does when it goes on.
  'itself: it stands still, and goes on later': {
    break: async (lab, counting) => {
      lab.n1.freeze()
      await lab.cluster.runs(lab.n2, undefined, restWithinMs)
      // What waits in its sockets is answered at the thaw, before it can be ended. A client believes that only while it has
      // not followed the owner: its kernel passes over an announcement that comes within a second of another.
      await lab.cluster.lab.waitFor('the client has followed', () => counting.answers.at(-1)?.node === 'n2', soonMs)
      lab.n1.thaw()
    },
    mend: () => undefined
  }
}

/** The longest that any method waits: the arbiter's lease, its server's delay, fencing with its delay; and a busy machine. */
const restWithinMs = 12_000
const mayOwnTwice: ReadonlySet<Method> = new Set(['quorum', 'none'])

for (const method of methods) {
  const [tool, debianPackage] = toolOf[method]
  t.test(`safety table: ${method}`, needsTool(tool, debianPackage), async test => {
    const table = readTable()
    const lab = await SafetyLab.running(test, method)
    for (const row of table) {
      const fault = faults[row.fault]
      if (fault === undefined) throw new Error(`README.md names a fault that this test cannot do: ${row.fault}`)
      const expected = words[row.expected[method]]
      if (expected === undefined) throw new Error(`README.md: "${row.expected[method]}" is none of ${Object.keys(words).join(', ')}`)
      const before = lab.cluster.deeds().length
      const brokenAt = monotonicMs()
      const counting = lab.counts()
      await lab.cluster.lab.waitFor('a client is served', () => counting.answers.length > 0, soonMs)
      await fault.break(lab, counting)
      await lab.cluster.lab.waitFor(`${row.fault} lost: ${expected}`, async () => (await lab.holders()) === expected, restWithinMs)
      // It must also stay so, for longer than any patience that is still running out.
      await lab.cluster.watch(`${row.fault} lost: still ${expected}`, async () => (await lab.holders()) === expected, 2 * deadtimeMs)
      await fault.mend(lab)
      await lab.cluster.lab.waitFor(`${row.fault} mended: one owner`, async () => ['n1', 'n2'].includes(await lab.holders()), soonMs)
      if (!mayOwnTwice.has(method)) {
        // What has no power runs nothing, and what stands still serves nobody.
        const isDead = !lab.n1.isOn || row.fault.startsWith('itself')
        test.strictSame(overlaps(lab.cluster.deeds().slice(before - 1), isDead ? [{ node: 'n1', atMs: brokenAt }] : []), [], `${row.fault}: never two owners`)
      }
      test.pass(`${row.fault}: ${row.expected[method]}`)
      await lab.restore()
      await counting.stop()
      if (!mayOwnTwice.has(method)) test.strictSame(counting.doubled(), [], `${row.fault}: no number given twice in ${counting.answers.length} answers`)
      test.ok(counting.answers.length > 0, `${row.fault}: clients were served`)
    }
  })
}

t.test('disk: the network between the nodes cut -> they hear each other on the disk, say so, and move the group over it when asked', needsTool(...toolOf.lease), async test => {
  const lab = await SafetyLab.running(test, 'lease')
  await lab.separate(null)
  await lab.cluster.lab.waitFor('only the disk carries the other node', async () => {
    const peer = (await lab.n1.status())?.nodes.find(node => !node.isSelf)
    return peer?.state === 'active' && peer.links.map(link => `${link.name} ${link.state}`).join() === 'eth0 dead,eth1 dead,disk up'
  }, soonMs)
  const moved = await lab.n2.heartbeat('takeover')
  test.equal(moved.code, 0, moved.stdout + moved.stderr)
  test.equal(await lab.holders(), 'n2')
  test.strictSame(overlaps(lab.cluster.deeds()), [])
})
