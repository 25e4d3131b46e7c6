/**
 * All directives of ha.cf in one table: Linux-HA's, and our own few. Each says whether it is acted on and, if not, the
 * sentence an administrator is given instead of silence.
 *
 * `acted-on`  ha-cf.ts has a handler for it (the types see to that).
 * `not-yet`   means something here that this version does not do; how loud depends on what relies on it.
 * `obsolete`  what it asked for has no meaning in this daemon, or happens by itself.
 *
 * Source: Linux-HA 3.0.6, its directive table and ha.cf(5).
 */

import { arbiterSyntax } from './ha-cf-arbiter.js'

/** How the rest of the line is cut: into values (blanks, tabs or commas, each applied in turn), or kept as words. */
export type ArgumentStyle = 'one-value' | 'values' | 'words'

interface ActedOn {
  readonly status: 'acted-on'
  readonly arguments: ArgumentStyle
  /** The line as it should look. */
  readonly syntax: string
  /** Exported to scripts as HA_<name>; Linux-HA does not record nodes and media. */
  readonly isRecorded: boolean
}

interface NotActedOn {
  readonly status: 'not-yet' | 'obsolete'
  readonly severity: 'error' | 'warning' | 'info'
  readonly why: string
  readonly fix: string
  /** A word in the line that asks for something the daemon does in its own way. */
  readonly replaced?: { readonly pattern: RegExp; readonly what: string; readonly why: string; readonly fix: string }
  /** Values that ask for what happens anyway, in lower case: then there is nothing to say. */
  readonly harmless?: readonly string[]
}

export type Directive = ActedOn | NotActedOn

const option = (syntax: string): ActedOn => ({ status: 'acted-on', arguments: 'one-value', syntax, isRecorded: true })
const medium = (syntax: string, style: ArgumentStyle): ActedOn => ({ status: 'acted-on', arguments: style, syntax, isRecorded: false })

const actedOn = {
  node: { status: 'acted-on', arguments: 'values', syntax: 'node NAME...', isRecorded: false },
  keepalive: option('keepalive TIME'),
  warntime: option('warntime TIME'),
  deadtime: option('deadtime TIME'),
  initdead: option('initdead TIME'),
  udpport: option('udpport PORT'),
  bcast: medium('bcast INTERFACE...', 'values'),
  udp: medium('bcast INTERFACE...', 'values'),
  ucast: medium('ucast INTERFACE ADDRESS', 'words'),
  mcast: medium('mcast INTERFACE GROUP PORT TTL LOOP', 'words'),
  ping: medium('ping ADDRESS...', 'values'),
  ping6: medium('ping ADDRESS...', 'values'),
  ping_group: medium('ping_group NAME ADDRESS...', 'values'),
  deadping: option('deadping TIME'),
  arbiter: medium(arbiterSyntax, 'words'),
  auto_failback: option('auto_failback on|off|legacy'),
  nice_failback: option('auto_failback on|off|legacy'),
  logfile: option('logfile PATH'),
  debugfile: option('debugfile PATH'),
  watchdog: option('watchdog DEVICE'),
  logfacility: option('logfacility FACILITY|none'),
  debug: option('debug LEVEL'),
  realtime: option('realtime on|off'),
  rtprio: option('rtprio PRIORITY'),
  hopfudge: option('hopfudge NUMBER'),
  env: { status: 'acted-on', arguments: 'words', syntax: 'env NAME=VALUE', isRecorded: false },
  start_timeout: option('start_timeout TIME'),
  stop_timeout: option('stop_timeout TIME'),
  status_timeout: option('status_timeout TIME'),
  stop_retries: option('stop_retries NUMBER'),
  stop_retry_delay: option('stop_retry_delay TIME'),
  stonith: { status: 'acted-on', arguments: 'words', syntax: 'stonith TYPE FILE', isRecorded: false },
  stonith_host: { status: 'acted-on', arguments: 'words', syntax: 'stonith_host HOST|* TYPE PARAMETERS...', isRecorded: false },
  fence_timeout: option('fence_timeout TIME'),
  fence_retries: option('fence_retries NUMBER'),
  fence_delay: option('fence_delay TIME'),
  fence_action: option('fence_action reset|off'),
  fence_test: { status: 'acted-on', arguments: 'words', syntax: 'fence_test MINUTE HOUR DAY MONTH WEEKDAY|off', isRecorded: false },
  lease: { status: 'acted-on', arguments: 'words', syntax: 'lease PATH [TIME]', isRecorded: false }
} as const satisfies Record<string, ActedOn>

export type ActedOnName = keyof typeof actedOn

const remove = 'delete the line, or keep it for a later version'
const obsolete = (why: string, harmless: readonly string[] = []): NotActedOn => ({
  status: 'obsolete',
  severity: 'info',
  why,
  fix: 'delete the line; nothing changes',
  harmless
})
const notYet = (severity: NotActedOn['severity'], why: string, fix: string = remove, harmless: readonly string[] = []): NotActedOn => ({
  status: 'not-yet',
  severity,
  why,
  fix,
  harmless
})

const falseWords = ['false', 'off', 'no', 'n', '0']
const trueWords = ['true', 'on', 'yes', 'y', '1']

const otherManager = notYet(
  'error',
  'it hands the resources to another cluster manager, and haresources would not be read',
  'delete the line, or run Pacemaker instead of this daemon',
  [...falseWords, 'none']
)
const ipv6Medium = notYet('warning', 'heartbeats travel over IPv4 only, this link does not exist', 'give a bcast, ucast or mcast line instead')

const notActedOn = {
  // Safety: loud.
  // Media.
  serial: notYet('warning', 'serial lines carry no heartbeats, this link does not exist', 'give a second network link instead'),
  baud: notYet('info', 'serial lines carry no heartbeats'),
  ucast6: ipv6Medium,
  mcast6: ipv6Medium,
  // Clients and membership.
  respawn: {
    ...notYet('warning', 'the program is not started', 'start it from systemd or an init script'),
    replaced: {
      pattern: /^(?:\/.*\/)?ipfail$/,
      what: '`ipfail` is not started, and not needed',
      why: 'where `ping` or `ping_group` lines are given, groups move to the better connected node anyway',
      fix: 'delete the line'
    }
  },
  failfast: notYet('warning', 'the program is not started, and its death reboots nothing', 'start it from systemd or an init script'),
  apiauth: notYet('info', 'client programs of the old API cannot connect; the commands ask the control socket'),
  autojoin: notYet('error', 'only the nodes listed here may be in the cluster', 'write `autojoin none`, and list both nodes', ['none']),
  msgfmt: notYet('warning', 'datagrams are always sent as Linux-HA does with `msgfmt classic`; both forms are received', remove, ['classic']),
  compression: notYet('info', 'our datagrams are small and sent as they are; compressed ones are refused'),
  compression_threshold: notYet('info', 'our datagrams are small and sent as they are'),
  traditional_compression: notYet('info', 'our datagrams are small and sent as they are', remove, falseWords),
  hbgenmethod: notYet('warning', 'the generation is always kept in the state file `hb_generation`', remove, ['file']),
  uuidfrom: notYet('warning', 'the identity is always kept in the state file `hb_uuid`', remove, ['file']),
  // What another cluster manager would do.
  crm: otherManager,
  pacemaker: otherManager,
  // Obsolete.
  max_rexmit_delay: obsolete('no decision depends on a single datagram, so none is asked for again'),
  use_logd: obsolete('the daemon writes its log without ever waiting for it; no log daemon is needed'),
  conn_logd_time: obsolete('there is no log daemon to connect to'),
  syslogmsgfmt: obsolete('log lines have one form'),
  log_badpack: obsolete('refused datagrams are always counted, and logged at a limited rate', trueWords),
  coredumps: obsolete('a core file of this daemon would tell nothing; the kernel\'s setting stands'),
  coreroot: obsolete('the daemon writes no core files'),
  use_apphbd: obsolete('apphbd is gone from all distributions', falseWords),
  memreserve: obsolete('the memory of the daemon is bounded by its buffers'),
  cluster: obsolete('Linux-HA itself uses the name for a quorum server only'),
  quorum_server: obsolete('haresources clusters never asked it'),
  crm_daemon_dir: obsolete('no other cluster manager is started'),
  crmd_spawns_pengine: obsolete('no other cluster manager is started'),
  record_config_changes: obsolete('it concerns the other cluster manager'),
  record_pengine_inputs: obsolete('it concerns the other cluster manager'),
  enable_config_writes: obsolete('it concerns the other cluster manager')
} as const satisfies Record<string, NotActedOn>

/** By name; a Map, so that a directive called `constructor` is as unknown as it should be. */
export const directives: ReadonlyMap<string, Directive> = new Map<string, Directive>(
  Object.entries({ ...actedOn, ...notActedOn })
)

export const isActedOn = (name: string): name is ActedOnName => Object.hasOwn(actedOn, name)

/** The names worth suggesting to somebody who mistyped one. */
export const directiveNames: readonly string[] = [...directives.keys()].filter(name => name !== 'udp')
