/**
 * What the records of a log mean, as simply as can be said: a list of records, and a fold over a beginning of it. Messages are
 * named by their order, so that moving them changes nothing here.
 */

export type ModelRecord =
  | { readonly kind: 'put'; readonly unit: number; readonly order: number; readonly queue: number; readonly body: string; readonly producer: number; readonly sequence: number }
  | { readonly kind: 'remove'; readonly order: number }
  | { readonly kind: 'lock'; readonly unit: number; readonly order: number; readonly backoutCount: number }
  | { readonly kind: 'count'; readonly order: number; readonly backoutCount: number }
  | { readonly kind: 'commit'; readonly unit: number }
  | { readonly kind: 'backout'; readonly unit: number }
  | { readonly kind: 'define'; readonly queue: number }
  | { readonly kind: 'delete'; readonly queue: number }

export interface ModelMessage {
  readonly queue: number
  readonly body: string
  backoutCount: number
}

export class Model {
  readonly messages = new Map<number, ModelMessage>()
  readonly queues = new Set<number>()
  readonly producers = new Map<number, number>()
  readonly #units = new Map<number, { readonly puts: [number, ModelMessage][]; readonly locks: [number, number][] }>()

  /** Messages locked by an open unit of work. */
  get locked(): Set<number> {
    return new Set([...this.#units.values()].flatMap(({ locks }) => locks.map(([order]) => order)))
  }

  get openUnits(): number[] {
    return [...this.#units.keys()]
  }

  apply(record: ModelRecord): void {
    switch (record.kind) {
      case 'put': {
        const message = { queue: record.queue, body: record.body, backoutCount: 0 }
        if (record.unit === 0) this.messages.set(record.order, message)
        else this.#unit(record.unit).puts.push([record.order, message])
        if (record.producer !== 0) this.producers.set(record.producer, Math.max(record.sequence, this.producers.get(record.producer) ?? 0))
        return
      }
      case 'remove':
        this.messages.delete(record.order)
        return
      case 'lock':
        this.#unit(record.unit).locks.push([record.order, record.backoutCount])
        return
      case 'count': {
        const message = this.messages.get(record.order)
        if (message !== undefined) message.backoutCount = record.backoutCount
        return
      }
      case 'commit': {
        const unit = this.#units.get(record.unit)
        for (const [order, message] of unit?.puts ?? []) if (this.queues.has(message.queue)) this.messages.set(order, message)
        for (const [order] of unit?.locks ?? []) this.messages.delete(order)
        this.#units.delete(record.unit)
        return
      }
      case 'backout':
        for (const [order, count] of this.#units.get(record.unit)?.locks ?? []) {
          const message = this.messages.get(order)
          if (message !== undefined) message.backoutCount = count + 1
        }
        this.#units.delete(record.unit)
        return
      case 'define':
        this.queues.add(record.queue)
        return
      case 'delete':
        this.queues.delete(record.queue)
        for (const [order, { queue }] of this.messages) if (queue === record.queue) this.messages.delete(order)
    }
  }

  end(): void {
    for (const unit of this.openUnits) this.apply({ kind: 'backout', unit })
  }

  /** One line per message, by order, then queues and producers. */
  describe(): string {
    const lines = [...this.messages].sort(([a], [b]) => a - b).map(([order, { queue, body, backoutCount }]) => describeMessage(order, queue, body, backoutCount))
    return [...lines, describeRest([...this.queues], [...this.producers])].join('\n')
  }

  #unit(unit: number): { puts: [number, ModelMessage][]; locks: [number, number][] } {
    const known = this.#units.get(unit)
    if (known !== undefined) return known
    const made = { puts: [], locks: [] }
    this.#units.set(unit, made)
    return made
  }
}

export const describeMessage = (order: number, queue: number, body: string, backoutCount: number): string => `${order} Q${queue} ${body.slice(0, 12)}/${body.length} x${backoutCount}`
export const describeRest = (queues: number[], producers: [number, number][]): string =>
  `queues ${queues.sort((a, b) => a - b).join(' ')}, producers ${producers.sort(([a], [b]) => a - b).map(([producer, sequence]) => `${producer}:${sequence}`).join(' ')}`
