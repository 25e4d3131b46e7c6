import t from 'tap'
import { inspect } from 'node:util'
import { parseAuthkeys } from '../../src/config/authkeys.js'
import { formatDiagnostic } from '../../src/config/configuration.js'

const parse = (text: string, access: { mode?: number | null; ownerUid?: number | null; uid?: number } = {}) =>
  parseAuthkeys({ file: 'authkeys', text, mode: access.mode ?? 0o600, ownerUid: access.ownerUid ?? 0 }, { uid: access.uid ?? 0 })
const findings = (text: string, access = {}) => parse(text, access).diagnostics.map(formatDiagnostic)

const key = '0123456789abcdef'

t.test('authkeys: several keys in any order -> one signs, all are there', async t => {
  const { keys, diagnostics } = parse(`# keys\n1 sha1 ${key}\n\n  2 sha256 ${key}2 rest-is-comment? # yes\nauth 2\n15 md5 ${key}\n0 sha512 ${key}\n`)
  t.match(diagnostics.map(formatDiagnostic), [/^authkeys:4:30: warning: more words follow key 2/])
  t.equal(diagnostics.length, 1)
  t.match(keys?.active, { id: 2, method: 'sha256' })
  t.strictSame([...(keys?.byId.keys() ?? [])], [1, 2, 15, 0])
  t.equal(Buffer.from(keys?.active.secret.reveal() ?? []).toString(), `${key}2`)
  t.equal(keys?.byId.get(2), keys?.active)
})

t.test('authkeys: crc -> no key, and a warning even when another key signs', async t => {
  const { keys, diagnostics } = parse(`auth 1\n1 sha1 ${key}\n2 crc # noise only\n`)
  t.equal(keys?.byId.get(2)?.secret.reveal().length, 0)
  t.match(diagnostics.map(formatDiagnostic), [/^authkeys:3:3: warning: key 2 is `crc`; anyone who reaches the port can forge/])
  t.match(findings(`auth 1\n1 crc ${key}\n`), [/^authkeys:2:7: error: key 1 has a key after `crc`/])
})

t.test('authkeys: each fault -> its place and what to do', async t => {
  t.match(findings(''), [/^authkeys:1:1: error: no `auth` line.*heartbeat keygen --write/])
  t.match(findings(`3 sha1 ${key}\n`), [/^authkeys:1:1: error: no `auth` line.*write `auth 3`/])
  t.match(findings(`auth 2\n1 sha1 ${key}\n`), [/^authkeys:1:6: error: key 2 does not exist/])
  t.match(findings(`auth\n1 sha1 ${key}\n`), [/^authkeys:1:1: error: `auth` is not followed/])
  t.match(findings(`auth 16\n1 sha1 ${key}\n`), [/^authkeys:1:6: error: `auth` is not followed/])
  t.match(findings(`auth 1 2\n1 sha1 ${key}\n`), [/^authkeys:1:8: error: `auth` is followed by more than one word/])
  t.match(findings(`auth 1\nauth 1\n1 sha1 ${key}\n`), [/^authkeys:2:1: error: a second `auth` line/])
  t.match(findings(`auth 1\n1 sha1 ${key}\n1 md5 ${key}\n`), [/^authkeys:3:1: error: key 1 exists already \(line 2\)/])
  t.match(findings('auth 1\n1 sha1\n'), [/^authkeys:2:3: error: key 1 has no key after `sha1`/])
  t.match(findings('auth 1\n1\n'), [/^authkeys:2:1: error: the method is missing/])
  t.match(findings(`auth 1\n1 sha265 ${key}\n`), [/^authkeys:2:3: error: the second word is not a method.*did you mean `sha256`\?/])
  t.match(findings(`auth 1\n16 sha1 ${key}\n1 sha1 ${key}\n`), [/^authkeys:2:1: error: the line begins neither/])
  t.match(findings(`atuh 1\n1 sha1 ${key}\n`)[0], /did you mean `auth`\?|no `auth` line/)
  t.match(findings(`auth 1\n1 sha1 #${key}\n`), [/warning: key 1 begins with `#`/])
})

t.test('authkeys: key lengths -> warned below 16 bytes, refused above 512', async t => {
  t.match(findings(`auth 1\n1 sha1 ${'k'.repeat(15)}\n`), [/warning: key 1 has only 15 characters/])
  t.strictSame(findings(`auth 1\n1 sha1 ${'k'.repeat(16)}\n`), [])
  t.strictSame(findings(`auth 1\n1 sha1 ${'k'.repeat(512)}\n`), [])
  t.match(findings(`auth 1\n1 sha1 ${'k'.repeat(513)}\n`), [/error: key 1 is longer than 512 bytes/])
})

t.test('authkeys: mode and owner -> any bit for others is refused, so is a third user', async t => {
  const text = `auth 1\n1 sha1 ${key}\n`
  for (const mode of [0o600, 0o400, 0o700, 0o4600]) t.strictSame(findings(text, { mode }), [], mode.toString(8))
  for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o622]) {
    t.match(findings(text, { mode }), [/^authkeys:1:1: error: the mode is 6.*run: chmod 600 authkeys$/], mode.toString(8))
  }
  t.strictSame(findings(text, { ownerUid: 1000, uid: 1000 }), [])
  t.strictSame(findings(text, { ownerUid: 0, uid: 1000 }), [])
  t.match(findings(text, { ownerUid: 1001, uid: 1000 }), [/error: the file belongs to user 1001.*run: chown root authkeys/])
  t.match(findings(text, { ownerUid: 1001, uid: 0 }), [/error: the file belongs to user 1001/])
})

t.test('authkeys: no finding and no printed value ever contains a key', async t => {
  const secret = 'TopSecretKeyMaterial'
  for (const line of [
    `1 ${secret}`, `${secret}`, `1 sha1 ${secret}`, `1 crc ${secret}`, `auth ${secret}`, `auth 1 ${secret}`, `1 sha1 x ${secret}`, `${secret} sha1 1`, `1 ${secret} sha1`,
    `1 sha1 ${secret}\u0007`, `#1 ${secret}`, `1 sha1 ${secret.repeat(60)}`, `AUTH ${secret}`
  ]) {
    for (const before of ['auth 1\n', '', 'auth 1\n1 sha1 x\n']) t.notMatch(JSON.stringify(findings(`${before}${line}\n`)), secret, line)
  }
  const { keys } = parse(`auth 1\n1 sha1 ${secret}\n`)
  t.notMatch(`${JSON.stringify(keys)} ${inspect(keys, { depth: 9 })} ${String(keys?.active.secret)}`, secret)
})
