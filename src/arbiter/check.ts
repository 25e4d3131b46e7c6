/**
 * What `heartbeat check` says about the arbiter: each member asked for its version, the files and the password used for
 * real, the keys of this cluster read. Nothing is written there, and each question has an end.
 */

import { stat } from 'node:fs/promises'
import { millis } from '../base/units.js'
import { Findings } from '../config/diagnostics.js'
import type { ArbiterConfig, Diagnostic } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import { encoded, Etcd, grpcCode, textOf, type CallOptions } from './etcd.js'

/** Before 3.4 the gateway stood elsewhere. */
const oldestVersion = [3, 4] as const

export async function checkArbiter(config: ArbiterConfig, clock: Clock): Promise<readonly Diagnostic[]> {
  const findings = new Findings()
  const options: CallOptions = { deadlineMs: millis(config.ttlMs / 2), signal: new AbortController().signal }
  await checkKeyFile(config, findings)
  const members = await Promise.all(config.endpoints.map(async endpoint => {
    const etcd = new Etcd({ ...config, endpoints: [endpoint] }, clock)
    const version = await etcd.version(options)
    etcd.close()
    return { url: endpoint.url, version }
  }))
  const answering = members.filter(member => member.version.ok)
  for (const { url, version } of members) {
    if (!version.ok) {
      findings[answering.length === 0 ? 'error' : 'warning'](config.position, {
        what: `the arbiter cannot be asked: ${version.reason}`,
        why: answering.length === 0 ? 'a node that is alone may hold nothing without it' : 'without a majority of its members nobody may hold anything alone',
        fix: `look at it with: etcdctl --endpoints=${url} endpoint status`
      })
      continue
    }
    const said = textOf(version.body['etcdserver'])
    const [major = 0, minor = 0] = said.split('.').map(Number)
    if (major * 1000 + minor >= oldestVersion[0] * 1000 + oldestVersion[1]) continue
    findings.error(config.position, {
      what: said === '' ? `${url} does not say its version` : `${url} is etcd ${said}`,
      why: `the gateway at /v3 is there since ${oldestVersion.join('.')}`,
      fix: said === '' ? 'check that it is the client URL of an etcd member' : 'update etcd'
    })
  }
  if (answering.length > 0) await checkAccess(config, config.endpoints.filter(({ url }) => answering.some(member => member.url === url)), clock, options, findings)
  return findings.inOrder()
}

async function checkAccess(config: ArbiterConfig, endpoints: ArbiterConfig['endpoints'], clock: Clock, options: CallOptions, findings: Findings): Promise<void> {
  const etcd = new Etcd({ ...config, endpoints }, clock)
  const folder = `${config.prefix}/groups`
  const reply = await etcd.call('/v3/kv/range', { key: encoded(`${folder}/`), range_end: encoded(`${folder}0`), count_only: true }, options)
  if (!reply.ok) {
    const isRight = reply.code === grpcCode.permissionDenied
    findings.error(config.position, {
      what: `the arbiter refuses us: ${reply.reason}`,
      why: 'a node that is alone may hold nothing without it',
      fix: isRight
        ? `run: etcdctl role grant-permission ROLE readwrite --prefix=true ${config.prefix}/`
        : config.user === null ? 'add `user=NAME password-file=PATH`, or look at the members' : 'check the name, the password file, and that the members have a leader'
    })
  } else if (config.user !== null && etcd.isAuthOff) {
    findings.warning(config.position, { what: 'etcd asks nobody for a password', why: 'whoever reaches it can give or take any group', fix: 'run: etcdctl auth enable' })
  }
  etcd.close()
}

async function checkKeyFile(config: ArbiterConfig, findings: Findings): Promise<void> {
  if (config.keyFile === null) return
  const found = await stat(config.keyFile).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error) return null // the first question says which file cannot be read
    throw error
  })
  if (found === null || (found.mode & 0o007) === 0) return
  findings.warning(config.position, { what: `everybody may read ${config.keyFile}`, why: 'whoever has the key can give or take any group', fix: `run: chmod o= ${config.keyFile}` })
}
