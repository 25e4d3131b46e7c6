/**
 * The `heartbeat` program: commander's tree of commands, Linux-HA's old flags, and nothing else. Each command lives in a
 * file of its own, and only the one asked for is loaded, so that `heartbeat status` answers quickly.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { packageRoot } from '../daemon/paths.js'
import type { CommandContext } from './context.js'
import { usageError } from './exit-codes.js'

type Register = (program: Command, context: CommandContext, exit: (status: number) => void) => void

/** In the order of the help. */
const commands: Readonly<Record<string, () => Promise<Register>>> = {
  init: async () => (await import('./init.js')).registerInit,
  keygen: async () => (await import('./keygen.js')).registerKeygen,
  check: async () => (await import('./check.js')).registerCheck,
  start: async () => (await import('./start.js')).registerStart,
  stop: async () => (await import('./stop.js')).registerStop,
  reload: async () => (await import('./reload.js')).registerReload,
  sync: async () => (await import('./sync.js')).registerSync,
  restart: async () => (await import('./restart.js')).registerRestart,
  status: async () => (await import('./status.js')).registerStatus,
  why: async () => (await import('./why.js')).registerWhy,
  simulate: async () => (await import('./simulate.js')).registerSimulate,
  standby: async () => (await import('./move.js')).registerStandby,
  takeover: async () => (await import('./move.js')).registerTakeover,
  lease: async () => (await import('./lease.js')).registerLease,
  cleanup: async () => (await import('./move.js')).registerCleanup,
  hold: async () => (await import('./hold.js')).registerHold,
  'confirm-off': async () => (await import('./confirm-off.js')).registerConfirmOff
}

/** Linux-HA's flags and the commands they became. */
const oldFlags: Readonly<Record<string, readonly string[]>> = {
  '-k': ['stop'],
  '-s': ['status'],
  '-r': ['reload'],
  '-f': ['start', '--foreground'],
  '-V': ['--version']
}

export async function heartbeat(args: readonly string[], context: CommandContext): Promise<number> {
  const words = [...(oldFlags[args[0] ?? ''] ?? args.slice(0, 1)), ...args.slice(1)]
  let status = 0
  const program = describeProgram(context)
  const only = commands[words[0] ?? '']
  // Loading one command is enough to run it; the overview and its "did you mean" need all of them.
  const registers = only === undefined ? await Promise.all(Object.values(commands).map(load => load())) : [await only()]
  for (const register of registers) {
    register(program, context, given => {
      status = given
    })
  }
  if (words.length === 0) {
    // Linux-HA's heartbeat starts the cluster when called without a word. A bare name typed to see the help must not.
    program.outputHelp({ error: true })
    return usageError
  }
  try {
    await program.parseAsync(words, { from: 'user' })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : usageError // commander has printed help, version or what was wrong
  }
}

function describeProgram(context: CommandContext): Command {
  const program = new Command('heartbeat')
  return program
    .description('High availability for two Linux nodes: each resource group of haresources runs on exactly one of them.')
    .version(version(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: text => context.out(text.trimEnd()), writeErr: text => context.err(text.trimEnd()) })
    .showHelpAfterError("(see 'heartbeat --help')")
    .addHelpText(
      'after',
      `
Each command explains itself, its exit statuses and its files: heartbeat status --help

First steps, on both nodes:
  heartbeat init      write ha.cf, haresources and authkeys from a few questions
  heartbeat check     find every fault of the files and of this host
  heartbeat start

Linux-HA's old flags: -k stop, -s status, -f start --foreground, -r reload, -V version.
Its other commands are here, too: cl_status, hb_standby, hb_takeover.

Environment:
  HA_DIR         configuration, default /etc/ha.d
  HA_STATE_DIR   lasting state, default /var/lib/heartbeat
  HA_RUN_DIR     pid file and control socket, default /run/heartbeat`
    )
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { readonly version: string } // our own file
  return manifest.version
}
