/**
 * Keeps this node's digests, answers the other node's questions about them, and asks back when they differ.
 *
 * The scripts are read at the start, at each reload, and when one of them was changed, beside the heartbeats; until the
 * first time this node says nothing of its agreement. What is compared is what the daemon works with: haresources as it was
 * read at the start, the keys as they were read last, the scripts as they are, since each run of one reads it anew.
 */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { SearchFolder } from '../agent/locate.js'
import { readDetails, writeDetails, writeOffer } from '../agreement/details-text.js'
import { differencesBetween, isSameAgreement, type Difference, type ScriptView } from '../agreement/differences.js'
import { agreementOf, detailsOf } from '../agreement/digests.js'
import type { Binding } from '../agreement/exchange.js'
import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { Configuration } from '../config/types.js'
import type { Scheduled } from '../port/clock.js'
import type { Agreement } from '../wire/ownership.js'
import type { Heard } from '../wire/status.js'
import { Exchange, type ExchangeContext } from './exchange-service.js'
import { fetchFiles, type FetchedFiles } from './fetch-files.js'
import { offeredContent, offerOf } from './offer.js'
import { scriptStamp, scriptViews } from './script-views.js'

const detailsBytesMax = 512 * 1024
const tries = 3
const accountBytesMax = 1024 * 1024
const lookEvery = millis(60_000)

export interface AgreementContext extends Omit<ExchangeContext, 'tell' | 'nonce'> {
  readonly version: string
  readonly groups: Configuration['groups']
  readonly searchPath: readonly SearchFolder[]
  readonly haDir: string
  readonly stateDir: string
  /** Why this node's groups are where they are, for the peer's operator. */
  account(): Uint8Array
  onAgreement(agreement: Agreement): void
  /** `differences` null: the peer did not say, and `trouble` why. */
  onCompared(theirs: Agreement, differences: readonly Difference[] | null, trouble: string | null): void
}

export class AgreementService {
  readonly #context: AgreementContext
  readonly #exchange: Exchange
  #scripts: readonly ScriptView[] | null = null
  #agreement: Agreement | null = null
  #comparing: Agreement | null = null
  #stamp = ''
  #look: Scheduled | null = null
  #isClosed = false

  constructor(context: AgreementContext) {
    this.#context = context
    this.#exchange = new Exchange({ ...context, nonce: () => randomBytes(16).toString('hex'), tell: (what, binding) => this.#tell(what, binding) })
  }

  onHeard(heard: Heard, keyId: number): void {
    this.#exchange.onHeard(heard, keyId)
  }

  /** Reads the scripts again and says the digests when they are others than before. */
  refresh(): void {
    this.#context.supervise('reading scripts', this.#refresh())
  }

  /** Asks the peer for what stands behind its digests. */
  compare(theirs: Agreement): void {
    this.#comparing = theirs
    this.#context.supervise('comparing with the peer', this.#compare(theirs))
  }

  /** Brings the peer's files here; rejects with HaError HA_SYNC_FAILED. */
  fetchFiles(options: { readonly signal: AbortSignal; onProgress(text: string): void }): Promise<FetchedFiles> {
    const { clock, haDir, stateDir } = this.#context
    return fetchFiles(this.#exchange, { ...options, clock, haDir, directory: join(stateDir, 'sync') })
  }

  /** The peer's account of its groups; rejects with HaError HA_SYNC_FAILED. */
  async fetchAccount(signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#exchange.fetch('account', { bytesMax: accountBytesMax, signal })).content
  }

  close(): void {
    this.#isClosed = true
    this.#look?.cancel()
    this.#exchange.close()
  }

  async #refresh(): Promise<void> {
    const { groups, onAgreement, searchPath } = this.#context
    const stamp = await scriptStamp(groups, searchPath) // of before: what changes while they are read is found at the next look
    const scripts = await scriptViews(groups, searchPath)
    if (this.#isClosed) return
    this.#stamp = stamp
    this.#scripts = scripts
    this.#lookLater()
    const agreement = agreementOf(this.#parts(scripts))
    if (isSameAgreement(this.#agreement, agreement)) return
    this.#agreement = agreement
    onAgreement(agreement)
  }

  /** One look at a time: on a disk that hangs, the next one waits for it. */
  #lookLater(): void {
    const { clock, groups, searchPath, supervise } = this.#context
    this.#look?.cancel()
    this.#look = clock.schedule(lookEvery, () => {
      const looked = scriptStamp(groups, searchPath).then(stamp => {
        if (this.#isClosed) return
        if (stamp === this.#stamp) this.#lookLater()
        else this.refresh()
      })
      supervise('looking at scripts', looked)
    })
  }

  #parts(scripts: readonly ScriptView[]): Parameters<typeof agreementOf>[0] {
    const { groups, keys, version } = this.#context
    return { version, groups, keys: keys(), scripts }
  }

  async #compare(theirs: Agreement): Promise<void> {
    const { onCompared } = this.#context
    let trouble = ''
    for (let left = tries; left > 0; left -= 1) {
      const result = await this.#differences()
      if (this.#isClosed || this.#comparing !== theirs) return // a newer question is under way
      if (typeof result !== 'string') return onCompared(theirs, result, null)
      trouble = result
    }
    onCompared(theirs, null, trouble)
  }

  /** The differences, or why they are not known. */
  async #differences(): Promise<readonly Difference[] | string> {
    const { peerName, self } = this.#context
    try {
      const { content, binding } = await this.#exchange.fetch('details', { bytesMax: detailsBytesMax })
      const details = readDetails(content)
      if (details === null) return `${peerName} answered in words that this version does not understand`
      const own = detailsOf(this.#parts(this.#scripts ?? []), binding.key, binding.nonce)
      return differencesBetween(own, details, { mine: self.name, theirs: peerName })
    } catch (error) {
      if (error instanceof HaError && error.code === 'HA_SYNC_FAILED') return error.message
      throw error
    }
  }

  async #tell(what: string, binding: Binding): Promise<Uint8Array | string> {
    const { haDir } = this.#context
    if (what === 'details') {
      return this.#scripts === null ? 'the scripts are not read yet' : writeDetails(detailsOf(this.#parts(this.#scripts), binding.key, binding.nonce))
    }
    if (what === 'account') return this.#context.account()
    if (what === 'files') return writeOffer(await offerOf(haDir))
    if (what.startsWith('file ')) return await offeredContent(haDir, what.slice('file '.length))
    return 'that question is not known here'
  }
}
