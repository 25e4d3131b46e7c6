/** Retained publications: the last one of each topic, a message on a queue of its own. */

export interface Publication {
  readonly topic: string
  /** The message kept, or `none` when the retained publication is taken away. */
  readonly slot: number
  readonly order: number
}
