/** A command of the queue manager run in the process of the test, with what it said. */

import { pathsFrom } from '../../../src/daemon/paths.js'
import { systemClock } from '../../../src/daemon/system-clock.js'
import { programOf } from '../../../src/mq/cli/command.js'
import type { MqCommand } from '../../../src/mq/cli/command.js'

export async function inProcess(command: MqCommand, args: readonly string[], env: Readonly<Record<string, string>>): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const said = { out: '', err: '' }
  const code = await programOf(command)(args, {
    env: { ...env },
    paths: pathsFrom({}),
    clock: systemClock,
    out: line => (said.out += `${line}\n`),
    err: line => (said.err += `${line}\n`)
  })
  return { code, stdout: said.out, stderr: said.err }
}
