/** The pings of one node in the laboratory: what they say when cables are cut and addresses change. Needs root. */

import { spawn } from 'node:child_process'
import path from 'node:path'
import t from 'tap'
import type { Sight } from '../../src/connectivity/ping-connectivity.js'
import { asAdministrator } from '../lab/command.js'
import { Lab, labUnavailable, projectDirectory } from '../lab/lab.js'

const reason = labUnavailable()

t.test('connectivity: the cable is out -> silent; in again, or our own address changed meanwhile -> reached again', { skip: reason ?? false }, async t => {
  const lab = await Lab.create({ prefix: 'hbcn', diskMegabytes: 0 })
  t.teardown(() => lab.dispose())
  const program = path.join(projectDirectory, 'dist/test/connectivity/holder.js')
  const [file = 'env', ...args] = asAdministrator([...lab.n1.entering(), process.execPath, program, lab.n2.serviceAddress, lab.n2.secondAddress])
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  const seen = (): readonly Sight[] => said.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as Sight)
  const last = (): Sight | undefined => seen().at(-1)
  await lab.waitFor('both answer', () => last()?.reached === 2, 5000)
  await lab.cutLink(lab.n1, 'eth0')
  await lab.waitFor('one is silent', () => last()?.silent.join() === lab.n2.serviceAddress, 5000)
  await lab.healLink(lab.n1, 'eth0')
  await lab.waitFor('both answer again', () => last()?.reached === 2, 5000)
  await lab.n1.run(['ip', 'address', 'flush', 'dev', 'eth0'])
  await lab.waitFor('one is silent without an address', () => last()?.reached === 1, 5000)
  await lab.n1.run(['ip', 'address', 'add', '10.77.0.7/24', 'dev', 'eth0'])
  await lab.waitFor('both answer from the new address', () => last()?.reached === 2, 15_000)
  t.equal(seen().length, 5, 'each change once')
})
