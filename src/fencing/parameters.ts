/**
 * A device's parameters in the three forms they are needed: shown to an operator, given to a program, and the words that
 * must not appear in what the program says.
 */

import { readFile, stat } from 'node:fs/promises'
import { Secret } from '../base/secret.js'
import type { FencingDevice } from '../config/types.js'

const fileBytesMax = 16 * 1024

/** `fence_ipmilan ip=10.0.0.9 password=***`; of values by position alone nobody knows which is a password, so none is shown. */
export function describeDevice({ type, parameters }: Pick<FencingDevice, 'type' | 'parameters'>): string {
  switch (parameters.kind) {
    case 'named':
      return [type, ...parameters.values.map(({ name, value }) => `${name}=${value instanceof Secret ? '***' : value}`)].join(' ')
    case 'positional':
      return `${type} ***`
    case 'file':
      return `${type} with ${parameters.path}`
  }
}

/** What a program is told, read anew each time; `secrets` are all words in it that may be passwords. */
export interface Told {
  /** Name and value, in order; empty for positional ones. */
  readonly named: readonly (readonly [string, string])[]
  /** The line of values by position, or the text of the file; null for named ones. */
  readonly text: string | null
  readonly secrets: readonly string[]
}

/** Throws with a sentence when the file of `stonith TYPE FILE` cannot be used. */
export async function toldBy({ kind, parameters }: Pick<FencingDevice, 'kind' | 'parameters'>): Promise<Told> {
  switch (parameters.kind) {
    case 'named': {
      const named = parameters.values.map(({ name, value }) => [name, value instanceof Secret ? text(value) : value] as const)
      return { named, text: null, secrets: parameters.values.flatMap(({ value }) => (value instanceof Secret ? [text(value)] : [])) }
    }
    case 'positional':
      return { named: [], text: text(parameters.words), secrets: text(parameters.words).split(' ') }
    case 'file': {
      const content = await contentOf(parameters.path)
      const lines = content.split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
      if (kind !== 'fence-agent') return { named: [], text: content, secrets: lines.flatMap(line => line.split(/\s+/)) }
      const named = lines.filter(line => line.includes('=')).map(line => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()] as const)
      return { named, text: null, secrets: named.filter(([name]) => !harmless.has(name)).map(([, value]) => value) }
    }
  }
}

/** Of a file these values may be repeated in messages; all others are taken for secrets. */
const harmless: ReadonlySet<string> = new Set(['ip', 'ipaddr', 'ipport', 'plug', 'port', 'lanplus', 'timeout', 'power_timeout', 'power_wait', 'login_timeout', 'delay'])

const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString('utf8')

async function contentOf(path: string): Promise<string> {
  const { size } = await stat(path)
  if (size > fileBytesMax) throw new Error(`${path} has ${size} bytes, more than ${fileBytesMax}`)
  const content = await readFile(path, 'utf8')
  if (content.trim() === '') throw new Error(`${path} is empty`)
  return content
}

/**
 * Replaces every secret by `***`. Short ones are replaced only as whole words: a password `a` must not turn a message
 * into stars.
 */
export function scrubber(secrets: readonly string[], spared: readonly string[] = []): (text: string) => string {
  const words = [...new Set(secrets)].filter(word => word !== '' && !spared.includes(word)).sort((a, b) => b.length - a.length)
  if (words.length === 0) return said => said
  const escaped = words.map(word => {
    const literal = word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
    return word.length < 4 ? `(?<![\\w])${literal}(?![\\w])` : literal
  })
  const pattern = new RegExp(escaped.join('|'), 'g')
  return said => said.replace(pattern, '***')
}
