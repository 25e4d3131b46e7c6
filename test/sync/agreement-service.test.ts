/** What the daemon knows of its own scripts: read when it must be, and noticed when somebody edits one. */

import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { instant } from '../../src/base/units.js'
import type { ResourceGroup } from '../../src/config/types.js'
import { AgreementService } from '../../src/sync/agreement-service.js'
import { authKey, authKeys } from '../wire/vectors.js'

const position = { file: 'haresources', line: 1, column: 1 }
const groups: readonly ResourceGroup[] = [{ key: 'app', home: 'ha1', resources: [{ word: 'app', type: 'app', args: [], position }], position }]

/** The service over a folder of scripts; its minute passes when the test says so. */
function serviceOver(t: Test, haDir: string): { readonly digests: string[]; refresh(): Promise<void>; minutePasses(): Promise<void>; close(): void } {
  const digests: string[] = []
  let armed: (() => void) | null = null
  let underWay: Promise<unknown> = Promise.resolve()
  const settled = async (): Promise<void> => {
    for (let seen: unknown = null; seen !== underWay; await underWay) seen = underWay
  }
  const keys = authKeys(authKey(1, 'sha256', 'secret'))
  const service = new AgreementService({
    clock: {
      monotonic: () => instant(0),
      wall: () => 0,
      schedule: (_, callback) => {
        armed = callback
        return { cancel: () => (armed = armed === callback ? null : armed) }
      }
    },
    self: { name: 'ha1', generation: 1 },
    peerName: 'ha2',
    keys: () => keys,
    peerGeneration: () => null,
    send: () => t.fail('nobody is asked'),
    supervise: (_, promise) => (underWay = promise),
    version: '1.0.0',
    groups,
    searchPath: ['resource.d', 'init.d'].map(name => ({ path: join(haDir, name), style: 'r1', own: false }) as const),
    haDir,
    stateDir: haDir,
    account: () => new Uint8Array(),
    onAgreement: agreement => digests.push(agreement.scripts),
    onCompared: () => t.fail('nothing is compared')
  })
  return {
    close: () => {
      service.close()
      t.equal(armed, null, 'nothing is looked at any more')
    },
    digests,
    refresh: () => {
      service.refresh()
      return settled()
    },
    minutePasses: () => {
      const due = armed
      armed = null
      t.ok(due, 'a look is due')
      due?.()
      return settled()
    }
  }
}

t.test('scripts: one is edited, hidden, taken away and put back under a running daemon -> other digests at the next look, and none when nothing changed', async t => {
  const haDir = t.testdir({ 'resource.d': {}, 'init.d': {} })
  const put = (folder: string, text: string): void => {
    writeFileSync(join(haDir, folder, 'app'), `#!/bin/sh\n${text}\n`)
    chmodSync(join(haDir, folder, 'app'), 0o755)
  }
  put('init.d', 'echo one')
  const { close, digests, minutePasses, refresh } = serviceOver(t, haDir)
  await refresh()
  await minutePasses()
  await minutePasses()
  t.equal(digests.length, 1, 'said once')
  put('init.d', 'echo other')
  await minutePasses()
  put('resource.d', 'echo hides the other')
  await minutePasses()
  rmSync(join(haDir, 'resource.d', 'app'))
  rmSync(join(haDir, 'init.d', 'app'))
  await minutePasses()
  put('init.d', 'echo one')
  await minutePasses()
  t.equal(new Set(digests).size, 4)
  t.strictSame([digests.length, digests[4]], [5, digests[0]])
  close()
})
