/**
 * What a message is: a descriptor (the fields of MQMD), properties and a body.
 *
 * The body is opaque bytes. Everything here is a value; where a message is stored is the journal's business.
 */

/** Message descriptor with the names, units and defaults of the reference. Ids and tokens are 24 and 32 bytes. */
export interface Descriptor {
  /** Report options, bits. */
  readonly report: number
  /** 1 request, 2 reply, 4 report, 8 datagram, or 65536 and above. */
  readonly messageType: number
  /** Tenths of a second left to live; -1 for ever. */
  readonly expiry: number
  readonly feedback: number
  readonly encoding: number
  readonly codedCharacterSetId: number
  /** At most 8 characters, without trailing blanks. */
  readonly format: string
  /** 0 to 9; -1 as the queue says. */
  readonly priority: number
  /** 0 no, 1 yes, 2 as the queue says. */
  readonly persistence: number
  readonly messageId: Buffer
  readonly correlationId: Buffer
  readonly backoutCount: number
  readonly replyToQueue: string
  readonly replyToQueueManager: string
  readonly userIdentifier: string
  readonly accountingToken: Buffer
  readonly applicationIdentityData: string
  readonly putApplicationType: number
  readonly putApplicationName: string
  /** `YYYYMMDD`, UTC. */
  readonly putDate: string
  /** `HHMMSSTH`, UTC, hundredths of a second last. */
  readonly putTime: string
  readonly applicationOriginData: string
  readonly groupId: Buffer
  readonly sequenceNumber: number
  readonly offset: number
  readonly flags: number
  readonly originalLength: number
}

export type PropertyValue = string | number | bigint | boolean | Buffer | null
/** Names are dot hierarchies, at most 4095 bytes; the order is kept. */
export type Properties = ReadonlyMap<string, PropertyValue>

/** Properties that a publication has when it reaches a subscriber: its full topic string, and true when it was retained. */
export const publicationProperties = { topic: 'mqps.Top', isRetained: 'mqps.Ret' } as const

export const messageIdBytes = 24
export const accountingTokenBytes = 32
export const noProperties: Properties = new Map()
export const emptyId: Buffer = Buffer.alloc(messageIdBytes)
const emptyToken: Buffer = Buffer.alloc(accountingTokenBytes)
export const emptyBody: Buffer = Buffer.alloc(0)

export const messageTypes = { request: 1, reply: 2, report: 4, datagram: 8, applicationFirst: 65536 } as const
export const persistences = { no: 0, yes: 1, asQueue: 2 } as const
export const priorityAsQueue = -1
export const priorityMax = 9
export const expiryUnlimited = -1
/** Values of Format; messages of other formats are not text to anybody. */
export const formats = { none: '', string: 'MQSTR', deadLetter: 'MQDEAD', rfh2: 'MQHRF2', event: 'MQEVENT', trigger: 'MQTRIG' } as const
/** Values of PutApplType. */
export const applicationTypes = { unix: 6, queueManager: 7, broker: 26, user: 25 } as const

/** The descriptor a put starts from; `Object.freeze`d, so spread it. */
export const defaultDescriptor: Descriptor = Object.freeze({
  report: 0,
  messageType: messageTypes.datagram,
  expiry: expiryUnlimited,
  feedback: 0,
  encoding: 546,
  codedCharacterSetId: 1208,
  format: formats.none,
  priority: priorityAsQueue,
  persistence: persistences.asQueue,
  messageId: emptyId,
  correlationId: emptyId,
  backoutCount: 0,
  replyToQueue: '',
  replyToQueueManager: '',
  userIdentifier: '',
  accountingToken: emptyToken,
  applicationIdentityData: '',
  putApplicationType: applicationTypes.unix,
  putApplicationName: '',
  putDate: '',
  putTime: '',
  applicationOriginData: '',
  groupId: emptyId,
  sequenceNumber: 1,
  offset: 0,
  flags: 0,
  originalLength: -1
})

/** A whole message as callers see it. */
export interface Message {
  readonly descriptor: Descriptor
  readonly properties: Properties
  readonly body: Buffer
}
