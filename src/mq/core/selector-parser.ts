/**
 * Turns the tokens of a selector into closures, once; a match is then a few calls.
 *
 *   condition := term { OR term }          term := factor { AND factor }          factor := [NOT] factor | test
 *   test      := sum [ comparison sum | [NOT] BETWEEN sum AND sum | IS [NOT] NULL
 *                    | [NOT] LIKE 'pattern' [ESCAPE 'c'] | [NOT] IN ( literal {, literal} ) ]
 *   sum       := product { +|- product }   product := sign { *|/ sign }           sign := {+|-} value
 *   value     := literal | identifier | ( condition )
 *
 * What cannot be meant is refused here and not at the first message: a number where a condition must be, an order of
 * strings, arithmetic with strings. Chains of AND and OR are one node, and nesting is bounded, so that no selector can
 * exhaust the stack.
 */

import type { Descriptor, Properties } from './message.js'
import { selectorField, type SelectorValue } from './selector-fields.js'
import { calculate, compare, converted, isLike, likePattern, not, truthOf, type Arithmetic, type Comparison, type Truth } from './selector-values.js'
import type { Keyword, SelectorToken } from './selector-lexer.js'

export const selectorDepthMax = 100

type Evaluate = (descriptor: Descriptor, properties: Properties) => SelectorValue
export type Condition = (descriptor: Descriptor, properties: Properties) => Truth

interface Node {
  /** What is known of the value before any message is seen. */
  readonly type: 'condition' | 'boolean' | 'number' | 'string' | 'any'
  readonly evaluate: Evaluate
  readonly depth: number
  readonly isIdentifier: boolean
  readonly column: number
}

/** Found while parsing; never leaves `compileSelector`. */
class SyntaxFault extends Error {
  readonly column: number

  constructor(why: string, column: number) {
    super(why)
    this.column = column
  }
}

export type Compiled =
  | { readonly ok: true; readonly condition: Condition; readonly needsProperties: boolean }
  | { readonly ok: false; readonly why: string; readonly column: number }

/** `convertsStrings`: strings of properties that look like numbers or booleans are compared as such. */
export function compileSelector(tokens: readonly SelectorToken[], convertsStrings: boolean): Compiled {
  const parser = new Parser(tokens, convertsStrings)
  try {
    const root = parser.whole()
    const evaluate = root.evaluate
    return { ok: true, condition: (d, p) => truthOf(evaluate(d, p)), needsProperties: parser.needsProperties }
  } catch (error) {
    if (error instanceof SyntaxFault) return { ok: false, why: error.message, column: error.column }
    throw error
  }
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])

class Parser {
  readonly #tokens: readonly SelectorToken[]
  readonly #convertsStrings: boolean
  #at = 0
  #nesting = 0
  needsProperties = false

  constructor(tokens: readonly SelectorToken[], convertsStrings: boolean) {
    this.#tokens = tokens
    this.#convertsStrings = convertsStrings
  }

  whole(): Node {
    const root = this.#asCondition(this.#or())
    const left = this.#peek()
    if (left.kind !== 'end') throw new SyntaxFault(left.kind === 'bad' ? left.text : `${shown(left)} is not expected here`, left.column)
    return root
  }

  // --- Conditions -------------------------------------------------------------------------------------------------------

  #or(): Node {
    return this.#chain('OR', () => this.#and(), true)
  }

  #and(): Node {
    return this.#chain('AND', () => this.#factor(), false)
  }

  /** `decisive` is the value that settles the chain at once. */
  #chain(keyword: Keyword, operand: () => Node, decisive: boolean): Node {
    const first = operand()
    if (!this.#isKeyword(keyword)) return first
    const parts = [this.#asCondition(first)]
    while (this.#takeKeyword(keyword)) parts.push(this.#asCondition(operand()))
    const evaluates = parts.map(part => part.evaluate)
    const evaluate: Evaluate = (d, p) => {
      let isUnknown = false
      for (const part of evaluates) {
        const value = part(d, p)
        if (value === decisive) return decisive
        if (typeof value !== 'boolean') isUnknown = true
      }
      return isUnknown ? null : !decisive
    }
    return this.#node('condition', evaluate, parts, first.column)
  }

  #factor(): Node {
    const { column } = this.#peek()
    if (!this.#takeKeyword('NOT')) return this.#test()
    const inner = this.#nested(() => this.#asCondition(this.#factor()))
    return this.#node('condition', (d, p) => not(truthOf(inner.evaluate(d, p))), [inner], column)
  }

  #test(): Node {
    const left = this.#sum()
    const token = this.#peek()
    if (token.kind === 'operator' && comparisons.has(token.text)) return this.#comparison(left, token.text as Comparison) // the set has only those
    if (token.kind !== 'keyword') return left
    if (this.#takeKeyword('IS')) return this.#isNull(left)
    const isNegated = this.#takeKeyword('NOT')
    if (this.#takeKeyword('BETWEEN')) return this.#between(left, isNegated)
    if (this.#takeKeyword('LIKE')) return this.#like(left, isNegated)
    if (this.#takeKeyword('IN')) return this.#in(left, isNegated)
    if (isNegated) throw new SyntaxFault('BETWEEN, LIKE or IN must follow NOT here', this.#peek().column)
    return left
  }

  #comparison(left: Node, operator: Comparison): Node {
    this.#at += 1
    const right = this.#sum()
    if (operator !== '=' && operator !== '<>') {
      for (const side of [left, right]) {
        if (side.type !== 'number' && side.type !== 'any') throw new SyntaxFault(`${operator} needs numbers`, side.column)
      }
    }
    for (const side of [left, right]) if (side.type === 'condition') throw new SyntaxFault('a condition cannot be compared', side.column)
    if (left.type !== 'any' && right.type !== 'any' && left.type !== right.type) throw new SyntaxFault(`a ${left.type} is never comparable with a ${right.type}`, right.column)
    const a = this.#convertedFor(left, right)
    const b = this.#convertedFor(right, left)
    return this.#node('condition', (d, p) => compare(operator, a(d, p), b(d, p)), [left, right], left.column)
  }

  #isNull(left: Node): Node {
    this.#mustBeIdentifier(left, 'IS NULL')
    const isNegated = this.#takeKeyword('NOT')
    if (!this.#takeKeyword('NULL')) throw new SyntaxFault('NULL must follow IS', this.#peek().column)
    const { evaluate } = left
    return this.#node('condition', (d, p) => (evaluate(d, p) === null) !== isNegated, [left], left.column)
  }

  #between(left: Node, isNegated: boolean): Node {
    const low = this.#sum()
    if (!this.#takeKeyword('AND')) throw new SyntaxFault('AND must follow the lower bound of BETWEEN', this.#peek().column)
    const high = this.#sum()
    for (const side of [left, low, high]) {
      if (side.type !== 'number' && side.type !== 'any') throw new SyntaxFault('BETWEEN needs numbers', side.column)
    }
    const value = this.#convertedFor(left, low)
    const [a, b] = [this.#convertedFor(low, left), this.#convertedFor(high, left)]
    const evaluate: Evaluate = (d, p) => {
      const x = value(d, p)
      const above = compare('>=', x, a(d, p))
      const below = compare('<=', x, b(d, p))
      const within = above === false || below === false ? false : above === null || below === null ? null : true
      return isNegated ? not(within) : within
    }
    return this.#node('condition', evaluate, [left, low, high], left.column)
  }

  #like(left: Node, isNegated: boolean): Node {
    this.#mustBeIdentifier(left, 'LIKE')
    const pattern = this.#string('a pattern in single quotes must follow LIKE')
    let escape: string | null = null
    if (this.#takeKeyword('ESCAPE')) {
      const given = this.#string('a character in single quotes must follow ESCAPE')
      escape = given.text
      if ([...escape].length !== 1) throw new SyntaxFault('ESCAPE takes one character', given.column)
    }
    const parts = likePattern(pattern.text, escape)
    if (parts === null) throw new SyntaxFault('the escape character must stand before %, _ or itself', pattern.column)
    const { evaluate } = left
    return this.#node('condition', (d, p) => {
      const value = evaluate(d, p)
      if (value === null) return null
      const isMatch = typeof value === 'string' && isLike(value, parts)
      return isMatch !== isNegated
    }, [left], left.column)
  }

  #in(left: Node, isNegated: boolean): Node {
    this.#mustBeIdentifier(left, 'IN')
    this.#operator('(', '( must follow IN')
    const strings = new Set<SelectorValue>()
    const numbers: number[] = []
    do {
      const sign = this.#takeOperator('-') ? -1 : 1
      const token = this.#peek()
      if (token.kind === 'string' && sign === 1) strings.add(token.text)
      else if (token.kind === 'number') numbers.push(sign * token.value)
      else throw new SyntaxFault('IN takes strings and numbers', token.column)
      this.#at += 1
    } while (this.#takeOperator(','))
    this.#operator(')', ') or a comma must follow')
    const { evaluate } = left
    const convertsStrings = this.#convertsStrings
    return this.#node('condition', (d, p) => {
      const value = evaluate(d, p)
      if (value === null) return null
      const isMember = strings.has(value) || numbers.some(number => compare('=', convertsStrings ? converted(value) : value, number) === true)
      return isMember !== isNegated
    }, [left], left.column)
  }

  // --- Values -----------------------------------------------------------------------------------------------------------

  #sum(): Node {
    return this.#arithmetic(['+', '-'], () => this.#arithmetic(['*', '/'], () => this.#sign()))
  }

  #arithmetic(operators: readonly Arithmetic[], operand: () => Node): Node {
    let left = operand()
    for (;;) {
      const token = this.#peek()
      const operator = operators.find(candidate => token.kind === 'operator' && token.text === candidate)
      if (operator === undefined) return left
      this.#at += 1
      const sides: readonly [Node, Node] = [left, operand()]
      for (const side of sides) if (side.type !== 'number' && side.type !== 'any') throw new SyntaxFault(`${operator} needs numbers`, side.column)
      const [a, b] = [this.#asNumber(sides[0]), this.#asNumber(sides[1])]
      left = this.#node('number', (d, p) => calculate(operator, a(d, p), b(d, p)), sides, sides[0].column)
    }
  }

  #sign(): Node {
    const { column } = this.#peek()
    if (this.#takeOperator('+')) return this.#numeric(this.#nested(() => this.#sign()), '+')
    if (!this.#takeOperator('-')) return this.#value()
    const inner = this.#numeric(this.#nested(() => this.#sign()), '-')
    const evaluate = this.#asNumber(inner)
    return this.#node('number', (d, p) => calculate('-', 0, evaluate(d, p)), [inner], column)
  }

  #value(): Node {
    const token = this.#peek()
    this.#at += 1
    const { column } = token
    switch (token.kind) {
      case 'string':
        return { type: 'string', evaluate: () => token.text, depth: 1, isIdentifier: false, column }
      case 'number':
        return { type: 'number', evaluate: () => token.value, depth: 1, isIdentifier: false, column }
      case 'word': {
        const field = selectorField(token.text)
        if (field === null) throw new SyntaxFault(`${token.text} is no field of the message descriptor`, column)
        this.needsProperties ||= field.needsProperties
        return { type: 'any', evaluate: field.read, depth: 1, isIdentifier: true, column }
      }
      case 'keyword':
        if (token.text !== 'TRUE' && token.text !== 'FALSE') break
        return { type: 'boolean', evaluate: () => token.text === 'TRUE', depth: 1, isIdentifier: false, column }
      case 'operator': {
        if (token.text !== '(') break
        const inner = this.#nested(() => this.#or())
        this.#operator(')', ') is missing')
        return { ...inner, isIdentifier: false, column }
      }
      case 'bad':
        throw new SyntaxFault(token.text, column)
      case 'end':
        throw new SyntaxFault('the selector ends too early', column)
    }
    throw new SyntaxFault(`${shown(token)} is not expected here`, column)
  }

  // --- Small steps ------------------------------------------------------------------------------------------------------

  #node(type: Node['type'], evaluate: Evaluate, parts: readonly Node[], column: number): Node {
    const depth = 1 + Math.max(...parts.map(part => part.depth))
    if (depth > selectorDepthMax) throw new SyntaxFault(`nested deeper than ${selectorDepthMax}`, column)
    return { type, evaluate, depth, isIdentifier: false, column }
  }

  /** The parser itself recurs here, before any node is made. */
  #nested(inner: () => Node): Node {
    this.#nesting += 1
    if (this.#nesting > selectorDepthMax) throw new SyntaxFault(`nested deeper than ${selectorDepthMax}`, this.#peek().column)
    const node = inner()
    this.#nesting -= 1
    return node
  }

  #asCondition(node: Node): Node {
    if (node.type === 'number' || node.type === 'string') throw new SyntaxFault(`a ${node.type} is no condition`, node.column)
    return node
  }

  #numeric(node: Node, operator: string): Node {
    if (node.type !== 'number' && node.type !== 'any') throw new SyntaxFault(`${operator} needs a number`, node.column)
    return { ...node, type: 'number', isIdentifier: false }
  }

  #mustBeIdentifier(node: Node, what: string): void {
    if (!node.isIdentifier) throw new SyntaxFault(`${what} needs an identifier on its left`, node.column)
  }

  #asNumber(node: Node): Evaluate {
    const { evaluate } = node
    return this.#convertsStrings && node.isIdentifier ? (d, p) => converted(evaluate(d, p)) : evaluate
  }

  /** Strings are converted only when the other side asks for something else than a string. */
  #convertedFor(node: Node, other: Node): Evaluate {
    return other.type === 'number' || other.type === 'boolean' ? this.#asNumber(node) : node.evaluate
  }

  #peek(): SelectorToken {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', column: 1 }
  }

  #isKeyword(keyword: Keyword): boolean {
    const token = this.#peek()
    return token.kind === 'keyword' && token.text === keyword
  }

  #takeKeyword(keyword: Keyword): boolean {
    const isNext = this.#isKeyword(keyword)
    if (isNext) this.#at += 1
    return isNext
  }

  #takeOperator(text: string): boolean {
    const token = this.#peek()
    const isNext = token.kind === 'operator' && token.text === text
    if (isNext) this.#at += 1
    return isNext
  }

  #operator(text: string, why: string): void {
    const token = this.#peek()
    if (!this.#takeOperator(text)) throw new SyntaxFault(token.kind === 'bad' ? token.text : why, token.column)
  }

  #string(why: string): { readonly text: string; readonly column: number } {
    const token = this.#peek()
    if (token.kind !== 'string') throw new SyntaxFault(token.kind === 'bad' ? token.text : why, token.column)
    this.#at += 1
    return token
  }
}

const shown = (token: SelectorToken): string => (token.kind === 'string' ? `'${token.text}'` : token.text)
