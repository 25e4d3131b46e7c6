/**
 * What ha-cf.ts gathers line by line before ha-cf-rules.ts looks at the whole: settings with their places, no defaults yet.
 */

import type { Millis } from '../base/units.js'
import { emptyFencingDraft, type FencingDraft } from './ha-cf-fencing.js'
import type { LeaseDraft } from './ha-cf-lease.js'
import type { ArbiterDraft } from './ha-cf-arbiter.js'
import type { AutoFailback, MediumSpec, PingTarget, Position } from './types.js'

/** A value and where it was given; null while the file has not said it. */
export interface Setting<T> {
  readonly value: T
  readonly position: Position
}

export type Unported = MediumSpec extends infer Spec ? (Spec extends MediumSpec ? Omit<Spec, 'port'> & { readonly port: number | null } : never) : never

/** What the first pass gathers. */
export interface Draft {
  readonly nodes: Setting<string>[]
  readonly media: Unported[]
  readonly times: Map<TimeName, Setting<Millis>>
  readonly numbers: Map<NumberName, Setting<number>>
  readonly texts: Map<'logfile' | 'debugfile' | 'logfacility' | 'watchdog', Setting<string>>
  autoFailback: Setting<AutoFailback> | null
  niceFailback: Position | null
  realtime: Setting<boolean> | null
  lease: Setting<LeaseDraft> | null
  arbiter: ArbiterDraft | null
  readonly pings: PingTarget[]
  readonly fencing: FencingDraft
  readonly recorded: Map<string, string>
  /** Directives with a faulty or mistyped line: rules that depend on them would only repeat the fault in other words. */
  readonly broken: Set<string>
  /** Each one-value directive's last place, to notice a second one. */
  readonly seen: Map<string, Position>
}

export type TimeName = 'keepalive' | 'warntime' | 'deadtime' | 'deadping' | 'initdead' | 'start_timeout' | 'stop_timeout' | 'status_timeout' | 'stop_retry_delay' | 'fence_timeout' | 'fence_delay'
export type NumberName = 'udpport' | 'debug' | 'rtprio' | 'hopfudge' | 'stop_retries' | 'fence_retries'

export function emptyDraft(): Draft {
  return {
    nodes: [],
    media: [],
    times: new Map(),
    numbers: new Map(),
    texts: new Map(),
    autoFailback: null,
    niceFailback: null,
    realtime: null,
    lease: null,
    arbiter: null,
    pings: [],
    fencing: emptyFencingDraft(),
    recorded: new Map(),
    broken: new Set(),
    seen: new Map()
  }
}
