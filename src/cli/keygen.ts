/**
 * `heartbeat keygen`: makes authkeys, or adds a key to it for a change of keys without an outage.
 *
 * A key is 256 random bits in hex: one word in the file, the same bytes for every method, and more than any can use up.
 */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { parseAuthkeys, type KeySource } from '../config/authkeys.js'
import { formatDiagnostic } from '../config/configuration.js'
import type { AuthMethod } from '../config/types.js'
import { parseNumber } from '../config/values.js'
import { exitStatuses } from '../daemon/exit-status.js'
import { readSource } from '../daemon/load-configuration.js'
import { pathsFrom } from '../daemon/paths.js'
import { writeAtomically, writeFault } from './write-file.js'

export interface NewKey {
  readonly id: number
  readonly method: Exclude<AuthMethod, 'crc'>
  readonly text: string
}

export const randomKeyText = (): string => randomBytes(32).toString('hex')

const keyLine = (key: NewKey): string => `${key.id} ${key.method} ${key.text}`

/** A whole authkeys file with one key. */
export function keyFileText(key: NewKey): string {
  return `# The keys by which the nodes of this cluster know each other. The same file on both nodes, owner root, mode 600.
# auth N: the key that signs. N METHOD KEY: a key that is accepted.
# To change it without an outage: heartbeat keygen --help
auth ${key.id}
${keyLine(key)}
`
}

type Added = { readonly ok: true; readonly text: string; readonly id: number } | { readonly ok: false; readonly faults: readonly string[] }

/** The file with one more key, not yet active; every line of the old text stays as it is. */
export function withKeyAdded(source: KeySource, wanted: { readonly id: number | null } & Omit<NewKey, 'id'>, uid: number): Added {
  const parsed = parseAuthkeys(source, { uid })
  if (parsed.keys === null) {
    return { ok: false, faults: parsed.diagnostics.filter(found => found.severity === 'error').map(formatDiagnostic) }
  }
  const { byId } = parsed.keys
  const free = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0].find(id => !byId.has(id))
  const id = wanted.id ?? free
  if (id === undefined) return { ok: false, faults: [`${source.file} has 16 keys, and there are no more numbers; delete the old ones first`] }
  if (byId.has(id)) return { ok: false, faults: [`key ${id} exists already in ${source.file}; leave out --id to get the next free number`] }
  const separator = source.text.endsWith('\n') || source.text === '' ? '' : '\n'
  return { ok: true, id, text: `${source.text}${separator}${keyLine({ id, method: wanted.method, text: wanted.text })}\n` }
}

interface KeygenOptions {
  readonly method: NewKey['method']
  readonly id?: number
  readonly add?: boolean
  readonly write?: boolean
  readonly force?: boolean
}

export function registerKeygen(program: Command): void {
  program
    .command('keygen')
    .summary('make authkeys, or add a key to it')
    .description('Makes a random key of 256 bits and prints authkeys, or writes it with --write (mode 600, all at once).')
    .addOption(new Option('--method <method>', 'how datagrams are signed').choices(['sha256', 'sha512', 'sha1', 'md5']).default('sha256'))
    .option('--id <number>', 'number of the key, 0 to 15 (default: 1, or the next free one with --add)', parseId)
    .option('--add', 'add the key to the file without making it the one that signs')
    .option('--write', 'write HA_DIR/authkeys instead of printing')
    .option('--force', 'with --write: replace a file that exists')
    .addHelpText('after', `
A Linux-HA 3.0.6 node knows md5 and sha1 only. crc is not offered: anyone can forge it.

To change the key while the cluster runs (every listed key is accepted, the one after \`auth\` signs):
  1. heartbeat keygen --add --write     on one node; the new key is listed but does not sign yet
  2. copy authkeys to the other node (scp -p), then on both nodes: heartbeat reload
  3. on both nodes: change the line \`auth 1\` to \`auth 2\`, then: heartbeat reload
  4. on both nodes: delete the old key's line, then: heartbeat reload
Finish each step on both nodes before the next. Two nodes without a common key take each other for dead, and both run
the resources.

Exit status: 0 done, 1 not written, 6 the existing file has faults.`)
    .action(async (options: KeygenOptions) => {
      const outcome = await keygen(options, pathsFrom(process.env).haDir)
      process.stdout.write(outcome.out)
      process.stderr.write(outcome.err)
      process.exitCode = outcome.status
    })
}

function parseId(text: string): number {
  const id = parseNumber(text, 0, 15)
  if (!id.ok) throw new InvalidArgumentError(id.fix)
  return id.value
}

interface Outcome {
  readonly out: string
  readonly err: string
  readonly status: number
}

const refused = (err: string, status: number = exitStatuses.general.status): Outcome => ({ out: '', err: `${err}\n`, status })

async function keygen(options: KeygenOptions, haDir: string): Promise<Outcome> {
  const path = join(haDir, 'authkeys')
  const key = { method: options.method, text: randomKeyText() }
  const source = await readSource(path)
  const isAbsent = 'unreadable' in source && source.unreadable.what === 'the file does not exist'
  if (options.add !== true) {
    const text = keyFileText({ ...key, id: options.id ?? 1 })
    if (options.write !== true) return { out: text, err: '', status: 0 }
    if (!isAbsent && options.force !== true) {
      return refused(`${path} exists already; nothing was written. Use --add to add a key to it, or --force to replace it: nodes with different keys do not hear each other`)
    }
    const fault = await write(path, text, options.force === true)
    return fault ?? { out: `${path} written; copy it to the other node: scp -p ${path} root@OTHER:${path}\n`, err: '', status: 0 }
  }
  if ('unreadable' in source) return refused(`${path}: ${source.unreadable.what}; ${source.unreadable.fix}`, exitStatuses.configuration.status)
  const added = withKeyAdded(source, { ...key, id: options.id ?? null }, process.geteuid?.() ?? 0)
  if (!added.ok) return refused(added.faults.join('\n'), exitStatuses.configuration.status)
  if (options.write !== true) return { out: `${keyLine({ ...key, id: added.id })}\n`, err: '', status: 0 }
  const fault = await write(path, added.text, true)
  return fault ?? { out: `key ${added.id} added to ${path}, not active yet; the next steps: heartbeat keygen --help\n`, err: '', status: 0 }
}

async function write(path: string, text: string, replace: boolean): Promise<Outcome | null> {
  try {
    await writeAtomically(path, text, { mode: 0o600, replace })
    return null
  } catch (error) {
    return refused(writeFault(path, error))
  }
}
