/** Ping nodes and groups as the edge watches them. */

export interface Connectivity {
  readonly description: string
  /** Reports at the start once everything was tried, and then every change. `reached` counts nodes and groups that answer. */
  open(onChange: (seen: { readonly reached: number; readonly of: number; readonly silent: readonly string[] }) => void): void
  close(): void
}
