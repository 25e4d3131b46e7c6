/**
 * A heartbeat message in memory: named, typed fields in order. The wire forms are in netstring.ts and classic.ts.
 *
 * Source: reference on Linux-HA 3.0.6, sections 1.2 to 1.4.
 */

/** 0 string, 1 binary, 2 struct, 3 list of strings, 4 compressed struct. Others are refused. */
export type FieldType = 0 | 1 | 2 | 3 | 4

export interface Field {
  readonly name: string
  readonly type: FieldType
  /** The value's bytes as the netstring form carries them (for type 1 the raw bytes). */
  readonly value: Uint8Array
}

export interface Message {
  readonly fields: readonly Field[]
}

/** The first reason to refuse a datagram, cheapest first. Each is counted by this name. */
export type Refusal =
  | 'too-long'
  | 'too-short'
  | 'wrong-magic'
  | 'no-signature'
  | 'unknown-key'
  | 'bad-digest'
  | 'malformed'
  | 'bad-field-type'
  | 'too-many-fields'
  | 'compressed'

export type Decoded =
  | { readonly ok: true; readonly message: Message; readonly keyId: number; readonly form: 'netstring' | 'classic' }
  | { readonly ok: false; readonly reason: Refusal }
