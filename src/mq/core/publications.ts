/** Retained publications. */

import type { CoreState } from './core-state.js'
import type { Publication } from './retained.js'

export function keepPublications(state: CoreState, publications: readonly Publication[]): void {
  void state
  void publications
}
