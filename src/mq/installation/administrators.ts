/**
 * Who may administer, and as whom a queue manager runs.
 *
 * When a user `mqm` exists, root's commands go on as that user, so that every file belongs to the one who runs the queue
 * manager wherever it runs next. Without it everything belongs to whoever owns the data root: that makes a queue manager
 * of one's own possible without an administrator.
 *
 * Administrators are root, the members of group `mqm`, and the owner of the data root. Source: reference 1.1.
 */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'

export const administratorName = 'mqm'
/** What one administrator makes, another of the group can use; nobody else can. */
export const administratorsUmask = 0o007
const lookUpMs = 2_000

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** The user `mqm` with its main group; null when there is none. */
export function administratorAccount(): Account | null {
  const [name = '', , uid, gid, , home = '/'] = (databaseLine('passwd', administratorName) ?? '').split(':')
  return name === '' ? null : { name, uid: Number(uid), gid: Number(gid), home }
}

/** The number of the group `mqm`; null when there is none. */
export function administratorsGroup(): number | null {
  const line = databaseLine('group', administratorName)
  return line === null ? null : Number(line.split(':')[2])
}

/** From /etc; what is not there may come from a directory service, which `getent` asks. */
function databaseLine(database: 'passwd' | 'group', name: string): string | null {
  const own = fs.readFileSync(`/etc/${database}`, 'utf8').split('\n').find(line => line.startsWith(`${name}:`))
  if (own !== undefined) return own
  try {
    const said = execFileSync('getent', [database, name], { timeout: lookUpMs, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: '/usr/bin:/bin' } })
    return said.split('\n').find(line => line.startsWith(`${name}:`)) ?? null
  } catch {
    return null // status 2, no such name; or nobody answers: then there is no such user for us
  }
}

/** Whether this process may administer the installation below `root`. */
export function isAdministrator(root: string): boolean {
  const uid = process.geteuid?.() ?? 0
  if (uid === 0) return true
  const group = administratorsGroup()
  if (group !== null && (process.getegid?.() === group || (process.getgroups?.() ?? []).includes(group))) return true
  const owner = fs.statSync(root, { throwIfNoEntry: false })?.uid
  return owner === undefined || owner === uid // where nothing is yet, the file system decides who may begin
}

/** Makes root's process one of `mqm`, for good, when there is such a user; anybody else's stays what it is. */
export function becomeAdministrator(account: Account | null = administratorAccount()): void {
  if (process.geteuid?.() !== 0 || account === null || account.uid === 0) return
  process.setgroups?.([account.gid, ...groupsOf(account.name)])
  process.setgid?.(account.gid)
  process.setuid?.(account.uid)
  process.env['HOME'] = account.home
}

/** The groups that name a user as a member; those of a directory service are not needed for our files. */
function groupsOf(user: string): number[] {
  const lines = fs.readFileSync('/etc/group', 'utf8').split('\n').map(line => line.split(':'))
  return lines.filter(([, , , members]) => members?.split(',').includes(user) === true).map(([, , gid]) => Number(gid))
}

/** As root: gives a path to `mqm`, when there is such a user. */
export function giveToAdministrator(file: string, account: Account | null = administratorAccount()): void {
  if (process.geteuid?.() === 0 && account !== null) fs.lchownSync(file, account.uid, account.gid)
}
