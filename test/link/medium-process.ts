/**
 * Runs one medium in whatever network namespace it is started in: every 20 ms it sends its name and a number. It writes
 * one JSON line for each state, refusal, and datagram heard, and ends when its stdin does.
 * Usage: medium-process NAME SPEC-AS-JSON…
 */

import { networkInterfaces } from 'node:os'
import { millis } from '../../src/base/units.js'
import type { MediumSpec } from '../../src/config/types.js'
import { createMedia } from '../../src/link/media.js'
import { realClock } from './recorder.js'

const [nodeName = 'nobody', ...specs] = process.argv.slice(2)
const say = (line: Readonly<Record<string, unknown>>): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const media = createMedia(specs.map(text => JSON.parse(text) as MediumSpec), { clock: realClock, interfaces: networkInterfaces })

for (const medium of media) {
  const link = medium.name
  medium.open({
    onDatagram: payload => say({ event: 'heard', link, from: Buffer.from(payload).toString().split(' ')[0] }),
    onState: (state, reason) => say({ event: state, link, reason }),
    onRefused: () => say({ event: 'refused', link })
  })
}

let number = 0
const beat = (): void => {
  for (const medium of media) medium.send(Buffer.from(`${nodeName} ${++number}`))
  if (process.stdin.readable) realClock.schedule(millis(20), beat)
}
beat()
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
