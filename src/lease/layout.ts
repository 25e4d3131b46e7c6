/**
 * Where things stand in the lease area. One writer for each piece, every piece aligned to 4 KiB; the drawing is in README.md.
 */

/** What is read and written at once is a multiple of this: every disk's sector size divides it. */
export const sectorBytes = 4096
/** A node's slot: one sector as a rule; a long datagram takes up to four. */
export const nodeSlotBytes = 4 * sectorBytes

const nodesAt = sectorBytes
const commandsAt = nodesAt + 2 * nodeSlotBytes
const scratchAt = commandsAt + 2 * sectorBytes
/** What a look at the area reads. */
export const lookBytes = scratchAt
/** The whole area; what follows the scratch sectors is kept zero for later versions. */
export const areaBytes = 16 * sectorBytes

/** The first or the second node of the header. */
export type Slot = 0 | 1
export const otherSlot = (slot: Slot): Slot => (slot === 0 ? 1 : 0)

export const headerPlace = { from: 0, to: sectorBytes } as const
/** Written by node `slot` alone. */
export const nodePlace = (slot: Slot): { readonly from: number; readonly to: number } => {
  const from = nodesAt + slot * nodeSlotBytes
  return { from, to: from + nodeSlotBytes }
}
/** Orders to node `slot`, written by the other node alone. */
export const commandPlace = (slot: Slot): { readonly from: number; readonly to: number } => {
  const from = commandsAt + slot * sectorBytes
  return { from, to: from + sectorBytes }
}
/** Where node `slot` measures the disk; nobody reads a meaning into it. */
export const scratchPlace = (slot: Slot): { readonly from: number; readonly to: number } => {
  const from = scratchAt + slot * sectorBytes
  return { from, to: from + sectorBytes }
}
