/** `heartbeat lease`: makes, shows, measures and releases the area on shared storage. Each action lives in a file of its own. */

import { InvalidArgumentError, type Command } from 'commander'
import type { Millis } from '../base/units.js'
import { leaseBounds } from '../config/ha-cf-lease.js'
import { parseDuration, timeOption } from './arguments.js'
import type { CommandContext } from './context.js'

const files = `
Files: ha.cf (its line \`lease PATH [TIME]\` names the area), authkeys (signs it), both in \${HA_DIR:-/etc/ha.d}.
A disk that does not answer within 10 s is given up, with a sentence; the command ends when the kernel lets go of the
operation, with status 143.`

export function registerLease(program: Command, context: CommandContext, exit: (status: number) => void): void {
  const lease = program
    .command('lease')
    .summary('the area on shared storage in which the nodes renew their right')
    .description('Makes, shows, measures and releases the lease area: 64 KiB on a disk that both nodes reach, named by `lease PATH [TIME]` in ha.cf.')
    .addHelpText('after', `
With a lease area the network alone never decides who is dead. Each node renews its sector eight times a lease; a node
that could not renew it gives up its resources before the lease ends, and the other one takes them only after it saw the
sector stand still for a whole lease. With the network cut and both sectors moving, the owner stays.

The storage must be shared, and must not be mirrored over the nodes' own links (DRBD, nbd, GlusterFS).

First steps, on one node:   heartbeat lease create /dev/disk/by-id/DISK-partN
then on both:               the line \`lease /dev/disk/by-id/DISK-partN 3s\` in ha.cf, and heartbeat lease test`)

  lease
    .command('create')
    .summary('make the area, once, on one node')
    .argument('[path]', 'block device or file; default: the path in ha.cf')
    .description('Writes an empty lease area of 64 KiB at the beginning of the device or file, for the two nodes of ha.cf. A file that does not exist is made.')
    .option('--time <time>', 'the lease noted in the area (default: the one in ha.cf, or 3s)', parseLease)
    .option('--force', 'overwrite what stands there, unless somebody is writing it', false)
    .option('--force-unshared', 'accept storage that only this machine sees: for tests', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', `
Refused without --force: a lease area (of this or another cluster), a file system, a partition table, anything but zeros
in the first MiB. Refused always: storage mirrored over the nodes' own links; a device that is mounted or otherwise in
use; an area whose sectors move.

Exit status: 0 made, 1 refused or not written, 2 usage, 6 the configuration has faults.${files}`)
    .action(async (path: string | undefined, options) => exit(await (await import('./lease-create.js')).leaseCreate(context, path, options)))

  lease
    .command('show')
    .summary('who beats there, who owns what, how fast the disk is')
    .description('Watches the area for two renewals and prints, for each node, whether its sector moves, and the owner of each resource group. Changes nothing; works with and without a running daemon.')
    .option('--path <path>', 'another area than that of ha.cf')
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', `
  beating    its sector moved while we watched      silent    it stood still; the age is by the writer's time of day
  released   an operator said that the node is off  never     it was not written since the area was made
  unreadable its record cannot be believed, and why

The owner of a group is the node whose record of it is held (starting, running) with the largest epoch.

Exit status: 0 both nodes beat, 3 at least one does not, 1 the area cannot be read, 2 usage, 6 the configuration has faults.${files}`)
    .action(async (options) => exit(await (await import('./lease-show.js')).leaseShow(context, options)))

  lease
    .command('release')
    .summary('give your word that a node is off')
    .argument('<node>', 'the node that is off')
    .description('Marks the sector of a node as released, so that the other one need not wait for it. Say it only of a node that you know to be off: if it is not, both may write to the shared disks.')
    .option('--path <path>', 'another area than that of ha.cf')
    .option('--yes', 'you have made sure that the node is off', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', `
The sector is watched first: while it moves, the command refuses, since the node is alive.

Exit status: 0 released, 1 refused or not written, 2 usage, 6 the configuration has faults.${files}`)
    .action(async (node: string, options) => exit(await (await import('./lease-release.js')).leaseRelease(context, node, options)))

  lease
    .command('test')
    .summary('measure the disk, and say what lease it keeps')
    .description('Writes and reads this node\'s scratch sector of the area for some seconds. The sectors of the daemons are not touched; run it on both nodes, and under load.')
    .option('--path <path>', 'another area than that of ha.cf')
    .addOption(timeOption('--for <time>', 'how long', '5s', parseFor))
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', `
A lease should be fifty times the p99, and ten times the slowest operation seen.

Exit status: 0 the lease of ha.cf is long enough, 5 it is too short for this disk, 1 the area cannot be used, 2 usage,
6 the configuration has faults.${files}`)
    .action(async (options) => exit(await (await import('./lease-test.js')).leaseTest(context, options)))
}

function parseLease(text: string): Millis {
  const time = parseDuration(text)
  if (time < leaseBounds.minMs || time > leaseBounds.maxMs) throw new InvalidArgumentError('a lease lasts from 1s to 60s.')
  return time
}

function parseFor(text: string): Millis {
  const time = parseDuration(text)
  if (time < 100 || time > 600_000) throw new InvalidArgumentError('measure for 100ms to 10m.')
  return time
}
