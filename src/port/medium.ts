/**
 * One way to exchange datagrams with the peer: a ha.cf medium on an interface.
 *
 * Contract
 *  - `send` never blocks and never throws; what could not be sent is counted and reported once by `onTrouble`.
 *  - A medium whose interface has no address yet, or lost it, keeps trying by itself; that is no error of the caller.
 *  - After `close` no callback is made.
 */

export interface MediumHandlers {
  /** A datagram's payload as received; the buffer belongs to the receiver. At most 65,507 bytes. */
  onDatagram(payload: Uint8Array, from: { readonly address: string; readonly port: number }): void
  /** The medium came up (bound and able to send), or stopped working, with a sentence saying why. Each change once. */
  onState(state: 'up' | 'down', reason: string): void
  /** The peer's host answered that nobody listens there (ICMP port unreachable). */
  onRefused(): void
}

export interface Medium {
  /** Link name as shown to operators: the interface. */
  readonly name: string
  /** `ucast eth0 10.0.0.2`, for log lines. */
  readonly description: string
  open(handlers: MediumHandlers): void
  send(payload: Uint8Array): void
  close(): Promise<void>
}
