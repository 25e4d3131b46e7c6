/**
 * Reads command lines of the old kind: `crtmqm -lp 20 -ls 10 -u DLQ QM`, `endmqm -is QM`, `runmqlsr -t TCP -p1414`.
 *
 * Flags have one or more letters after one dash; flags of one letter may be bundled; a value follows its option, or is
 * attached to it. The queue manager comes last, but is found wherever it stands. `--help` is understood by
 * every command, `--json` by all that do not talk with somebody. Source: reference 1.1.
 */

export interface OptionSpec {
  /** Without the dash. */
  readonly name: string
  /** What the value is called in the help; absent for a flag. */
  readonly value?: string
  readonly help: string
  /** May be given more than once. */
  readonly isRepeated?: boolean
  /** Known, but of no effect here; the command says so. */
  readonly isIgnored?: boolean
}

export interface CommandSpec {
  readonly name: string
  /** What follows the options, such as `QMgrName` or `[QMgrName]`. */
  readonly operands: string
  readonly operandsMin: number
  readonly operandsMax: number
  readonly summary: string
  readonly description?: string
  readonly options: readonly OptionSpec[]
  /**
   * What `--json` prints: objects of the command's `own`, or `none`, then it is refused. Absent: one object with the status
   * and the lines that the command says.
   */
  readonly json?: 'own' | 'none'
  readonly exit: readonly (readonly [status: number | string, meaning: string])[]
  readonly files?: readonly string[]
  readonly examples?: readonly (readonly [command: string, what: string])[]
}

export class Options {
  readonly operands: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>, operands: readonly string[]) {
    this.#values = values
    this.operands = operands
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The value, or null; of a repeated option the last one. */
  value(name: string): string | null {
    return this.#values.get(name)?.at(-1) ?? null
  }

  values(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** The value as a whole number in the range; null when absent, a sentence when it is none. */
  number(name: string, low: number, high: number): number | null | string {
    const text = this.value(name)
    if (text === null) return null
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    return value >= low && value <= high ? value : `the value '${text}' of -${name} is not a number from ${low} to ${high}`
  }
}

export type Parsed =
  | { readonly kind: 'run'; readonly options: Options; readonly isJson: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly why: string }

export function parseOptions(spec: CommandSpec, args: readonly string[]): Parsed {
  const values = new Map<string, string[]>()
  const operands: string[] = []
  const known = new Map(spec.options.map(option => [option.name, option]))
  let isJson = false
  const note = (option: OptionSpec, value: string): string | null => {
    const before = values.get(option.name)
    if (before !== undefined && option.isRepeated !== true) return option.value === undefined ? null : `-${option.name} is given twice`
    values.set(option.name, [...(before ?? []), value])
    return null
  }
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? ''
    if (word === '--help' || word === '-?') return { kind: 'help' }
    if (word === '--json') {
      if (spec.json === 'none') return { kind: 'wrong', why: '--json is not available here' }
      isJson = true
      continue
    }
    if (word === '--') {
      operands.push(...args.slice(index + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      operands.push(word)
      continue
    }
    const read = readWord(word.replace(/^--?/, ''), known)
    if (read === null) return { kind: 'wrong', why: `the option ${word} is not known` }
    for (const { option, attached } of read) {
      let value = attached
      if (option.value !== undefined && value === null) {
        index += 1
        value = args[index] ?? null
        if (value === null) return { kind: 'wrong', why: `-${option.name} needs a value: ${option.value}` }
      }
      const why = note(option, value ?? '')
      if (why !== null) return { kind: 'wrong', why }
    }
  }
  if (operands.length < spec.operandsMin) return { kind: 'wrong', why: `${spec.operands} is missing` }
  if (operands.length > spec.operandsMax) return { kind: 'wrong', why: `'${operands[spec.operandsMax] ?? ''}' is too much: ${spec.operandsMax === 0 ? 'no words' : spec.operands} may follow the options` }
  return { kind: 'run', options: new Options(values, operands), isJson }
}

interface Read {
  readonly option: OptionSpec
  readonly attached: string | null
}

/** One word without its dash: an option, an option with its value attached, or flags of one letter each. */
function readWord(word: string, known: ReadonlyMap<string, OptionSpec>): Read[] | null {
  const whole = known.get(word)
  if (whole !== undefined) return [{ option: whole, attached: null }]
  for (let length = word.length - 1; length > 0; length -= 1) {
    const option = known.get(word.slice(0, length))
    if (option?.value !== undefined) return [{ option, attached: word.slice(length) }]
  }
  const flags = [...word].map(letter => known.get(letter))
  if (flags.length > 1 && flags.every((option): option is OptionSpec => option !== undefined) && flags.slice(0, -1).every(option => option.value === undefined)) {
    return flags.map(option => ({ option, attached: null }))
  }
  return null
}

const textWidth = 100

export function usageLine(spec: CommandSpec): string {
  return `usage: ${spec.name} ${spec.options.length === 0 ? '' : '[options] '}${spec.operands}`.trimEnd()
}

export function helpText(spec: CommandSpec): string[] {
  const lines = [`${spec.name}: ${spec.summary}`, '', usageLine(spec)]
  if (spec.description !== undefined) lines.push('', ...wrap(spec.description, ''))
  const table = (title: string, rows: readonly (readonly [string, string])[]): void => {
    if (rows.length === 0) return
    const width = Math.min(28, Math.max(...rows.map(([left]) => left.length)))
    lines.push('', title)
    for (const [left, right] of rows) {
      const wrapped = wrap(right, ' '.repeat(width + 4))
      const first = (wrapped[0] ?? '').trimStart()
      if (left.length > width) lines.push(`  ${left}`, ...wrapped)
      else lines.push(`  ${left.padEnd(width)}  ${first}`, ...wrapped.slice(1))
    }
  }
  const rows = spec.options.filter(option => option.isIgnored !== true).map(({ name, value, help }) => [`-${name}${value === undefined ? '' : ` ${value}`}`, help] as const)
  const json = spec.json === 'own' ? 'JSON instead of text' : 'one JSON object: status, and the lines of output and errors'
  table('Options:', [...rows, ...(spec.json === 'none' ? [] : [['--json', json] as const]), ['--help', 'this text']])
  const ignored = spec.options.filter(option => option.isIgnored === true).map(({ name }) => `-${name}`)
  if (ignored.length > 0) lines.push(...wrap(`Known from elsewhere, and without effect here: ${ignored.join(' ')}`, '  '))
  table('Exit status:', spec.exit.map(([status, meaning]) => [String(status), meaning] as const))
  if (spec.files !== undefined) lines.push('', 'Files:', ...spec.files.map(file => `  ${file}`))
  table('Examples:', (spec.examples ?? []).map(([command, what]) => [command, what] as const))
  return lines
}

/** Lines of at most `textWidth`, each with the indent. */
export function wrap(text: string, indent: string): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(/\s+/)) {
    if (line.length > indent.length && line.length + 1 + word.length > textWidth) {
      lines.push(line)
      line = indent
    }
    line += line.length === indent.length ? word : ` ${word}`
  }
  return [...lines, line]
}
