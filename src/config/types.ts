/**
 * What a checked configuration is: one frozen value made from ha.cf, haresources and authkeys. Everything behind the
 * parsers works with these types and never looks at the files again.
 */

import type { Millis } from '../base/units.js'
import type { Secret } from '../base/secret.js'

/** A place in a configuration file; line and column count from 1. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/**
 * One finding about a configuration. `what` says what is wrong, `why` what follows from it, `fix` what to do;
 * printed as `file:line:column: severity: what; why; fix`.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'info'
  readonly position: Position
  readonly what: string
  readonly why: string
  readonly fix: string
}

/** A heartbeat medium of ha.cf. `name` is the link name shown by cl_status: the interface. */
export type MediumSpec =
  | { readonly kind: 'bcast'; readonly name: string; readonly port: number; readonly position: Position }
  | { readonly kind: 'ucast'; readonly name: string; readonly address: string; readonly port: number; readonly position: Position }
  | {
      readonly kind: 'mcast'
      readonly name: string
      readonly group: string
      readonly port: number
      readonly ttl: number
      readonly loop: boolean
      readonly position: Position
    }

/** `lease`: the area on shared storage that the nodes renew their right in. */
export interface LeaseConfig {
  /** A block device or a file, as written. */
  readonly path: string
  /** How long a renewal counts. */
  readonly leaseMs: Millis
  /** From one renewal, and one look at the other node, to the next. */
  readonly intervalMs: Millis
  readonly position: Position
}

/** What a fencing device is told about itself. Passwords are Secrets, so that the configuration can be printed. */
export type FencingParameters =
  | { readonly kind: 'named'; readonly values: readonly { readonly name: string; readonly value: string | Secret }[] }
  /** Values alone in the order of the plug-in's own names, separated by blanks, as old ha.cf files have them. */
  | { readonly kind: 'positional'; readonly words: Secret }
  /** `stonith TYPE FILE`: read each time it is used. */
  | { readonly kind: 'file'; readonly path: string }

export interface FencingDevice {
  /** Who is asked: a program `fence_…`, cluster-glue's `stonith`, or a person (meatware). */
  readonly kind: 'fence-agent' | 'cluster-glue' | 'operator'
  /** `fence_ipmilan` (or its whole path), `external/ipmi`, `meatware`. */
  readonly type: string
  readonly parameters: FencingParameters
  readonly position: Position
}

/** How the other node switches `victim` off: level after level; on a level every device must succeed. */
export interface FencingPlan {
  readonly victim: string
  readonly levels: readonly (readonly FencingDevice[])[]
}

export interface FencingConfig {
  /** At most one for each node; a node without one cannot be fenced. */
  readonly plans: readonly FencingPlan[]
  /** For all levels and tries together. */
  readonly timeoutMs: Millis
  /** Tries of a device after its first. */
  readonly retries: number
  /** How long the node that holds less waits before it shoots, so that both never do. */
  readonly delayMs: Millis
  readonly action: 'reset' | 'off'
  /** When the devices are tested: a calendar expression; null for never. */
  readonly testSchedule: string | null
}

export type AutoFailback = 'on' | 'off' | 'legacy'

/** One member of an etcd cluster. */
export interface ArbiterEndpoint {
  /** `https://10.0.0.9:2379`, always with its port. */
  readonly url: string
  readonly isTls: boolean
  /** Without the brackets of IPv6. */
  readonly host: string
  readonly port: number
}

/** The coordination service that decides between nodes that do not hear each other. */
export interface ArbiterConfig {
  readonly kind: 'etcd'
  /** In the order in which they are tried; at least one. */
  readonly endpoints: readonly ArbiterEndpoint[]
  /** Whole seconds: how long the service keeps what we hold after we were last heard there. */
  readonly ttlMs: Millis
  /** Every key of this cluster begins with it; no slash at the end. */
  readonly prefix: string
  /** Both or neither. */
  readonly user: string | null
  readonly passwordFile: string | null
  readonly caFile: string | null
  /** Both or neither. */
  readonly certFile: string | null
  readonly keyFile: string | null
  readonly position: Position
}

/** What stands for the network: one address, or a group of which any member is enough. */
export interface PingTarget {
  readonly kind: 'node' | 'group'
  /** Of a node its address. */
  readonly name: string
  readonly addresses: readonly string[]
  readonly position: Position
}

export interface ConnectivityConfig {
  /** At least one. */
  readonly targets: readonly PingTarget[]
  /** A target that has not answered for this long is not reached. */
  readonly deadpingMs: Millis
}

/** ha.cf after parsing, with every default filled in. */
export interface HaCf {
  /** Configured node names in lower case, in the order of the file. */
  readonly nodes: readonly string[]
  readonly keepaliveMs: Millis
  readonly warntimeMs: Millis
  readonly deadtimeMs: Millis
  readonly initdeadMs: Millis
  readonly udpport: number
  readonly media: readonly MediumSpec[]
  readonly autoFailback: AutoFailback
  readonly logfile: string | null
  readonly debugfile: string | null
  /** A syslog facility, or null for none. */
  readonly logfacility: string | null
  /** A hardware watchdog, e.g. /dev/watchdog, that resets a machine whose daemon hangs; null for none. */
  readonly watchdog: string | null
  readonly debug: number
  readonly realtime: boolean
  /** SCHED_RR priority, or null for our default. */
  readonly rtprio: number | null
  readonly hopfudge: number
  /** Our own directives: time limits per resource operation, and how a failed stop is retried. */
  readonly startTimeoutMs: Millis
  readonly stopTimeoutMs: Millis
  readonly statusTimeoutMs: Millis
  readonly stopRetries: number
  readonly stopRetryDelayMs: Millis
  /** null: no device is configured. */
  readonly fencing: FencingConfig | null
  /** null: no lease area is used. */
  readonly lease: LeaseConfig | null
  readonly arbiter: ArbiterConfig | null
  readonly connectivity: ConnectivityConfig | null
  /** Every recorded directive with its last value as written; scripts see them as HA_<name> (Linux-HA does the same). */
  readonly recorded: Readonly<Record<string, string>>
}

export type AuthMethod = 'crc' | 'md5' | 'sha1' | 'sha256' | 'sha512'

export interface AuthKey {
  readonly id: number
  readonly method: AuthMethod
  readonly secret: Secret
}

/** authkeys: one key signs, every listed key is accepted. */
export interface AuthKeys {
  readonly active: AuthKey
  readonly byId: ReadonlyMap<number, AuthKey>
}

/** One word of a haresources line: a script and its arguments. */
export interface ResourceSpec {
  /** The word as written, e.g. `10.0.0.5/24/eth0` or `Filesystem::/dev/sdb1::/data::ext4`. */
  readonly word: string
  /** The script's name, e.g. `IPaddr`. */
  readonly type: string
  readonly args: readonly string[]
  readonly position: Position
}

/** One logical line of haresources. */
export interface ResourceGroup {
  /** The first resource's word; unique in the file. */
  readonly key: string
  /** Preferred node, lower case. */
  readonly home: string
  readonly resources: readonly ResourceSpec[]
  readonly position: Position
}

export interface Configuration {
  readonly cf: HaCf
  readonly keys: AuthKeys
  readonly groups: readonly ResourceGroup[]
}
