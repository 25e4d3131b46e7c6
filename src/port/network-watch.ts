/** The host's network as it changes under us: carrier of interfaces, and addresses that appear and vanish. */

export interface NetworkWatch {
  open(handlers: {
    /** The service interface of a group (index) lost its carrier, or has it again (null). */
    onCarrier(group: number, trouble: string | null): void
    /** For the log: what was repaired, and what could not be. */
    onNote(level: 'info' | 'warn' | 'error', text: string): void
  }): void
  close(): void
}
