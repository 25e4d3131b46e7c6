/** Debian's own heartbeat 3.0.6 on a node of the laboratory: as a peer to live with, and to compare with. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { CommandResult } from './command.js'
import type { LabNode } from './node.js'

/** Debian moved it once. */
const programs = ['/usr/libexec/heartbeat/heartbeat', '/usr/lib/heartbeat/heartbeat']
const program = programs.find(file => fs.existsSync(file)) ?? null

export function linuxHaUnavailable(): string | null {
  return program === null ? 'missing tool: Linux-HA heartbeat (Debian package heartbeat)' : null
}

/** What its packages and its init script would prepare on a real machine; before writing the configuration, once a boot. */
export async function prepareLinuxHa(node: LabNode): Promise<void> {
  const copy = (from: string, to: string): void => {
    // cp, since it keeps owners: parts of the state belong to the user hacluster.
    if (fs.existsSync(from)) spawnSync('cp', ['-a', '--no-clobber', `${from}/.`, to])
  }
  // The host's own configuration must not come along, were there one.
  for (const name of ['rc.d', 'resource.d', 'shellfuncs', 'harc']) {
    const from = path.join('/etc/ha.d', name)
    if (fs.existsSync(from)) fs.cpSync(from, path.join(node.directory, 'ha.d', name), { recursive: true, force: false })
  }
  copy('/var/lib/heartbeat', path.join(node.directory, 'state'))
  await node.run(['sh', '-c', 'cd /run/heartbeat && mkdir -p ccm crm dopd rsctmp && chmod 1777 rsctmp && chown hacluster:haclient . ccm crm dopd && chmod 750 . ccm crm dopd'])
}

export async function startLinuxHa(node: LabNode): Promise<CommandResult> {
  return node.exec([program ?? ''], { timeoutMs: 20_000 })
}

export async function stopLinuxHa(node: LabNode): Promise<CommandResult> {
  return node.exec([program ?? '', '-k'], { timeoutMs: 60_000 })
}

/** Its own cl_status, not ours of the same name. */
export async function askLinuxHa(node: LabNode, ...words: readonly string[]): Promise<CommandResult> {
  return node.exec(['/usr/bin/cl_status', ...words])
}
