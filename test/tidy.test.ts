/**
 * The rules of this code base that a compiler does not check, as an ordinary test. Each finding is `file:line: what is
 * wrong, what to write instead`; the rules and their reasons stand in src/README.md.
 *
 * The pure half (base, config, wire, membership, resource, safety, cluster) decides and does nothing else, so it may
 * not read a clock, draw chance, or touch the machine; that is what makes every run replayable.
 */

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const linesMax = 500

/** What a folder of src/ may import besides itself. `types:` marks folders of which only types may be taken. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  process: [],
  config: ['base'],
  wire: ['base', 'types:config'],
  membership: ['base', 'types:wire', 'types:config'],
  resource: ['base', 'types:wire', 'types:membership', 'types:config', 'types:port'],
  safety: ['base', 'types:port', 'types:wire', 'types:membership'],
  agreement: ['base', 'wire', 'types:config'],
  sync: ['base', 'port', 'wire', 'agreement', 'agent', 'types:config'],
  cluster: ['base', 'config', 'wire', 'membership', 'resource', 'safety', 'agreement', 'types:port', 'types:control'],
  'mq/core': ['base'],
  'mq/mqsc': ['base', 'mq/core'],
  'mq/protocol': ['base', 'mq/core'],
  lease: ['base', 'wire', 'types:config', 'types:port'],
  'lease-disk': ['base', 'port', 'lease', 'types:config'],
  port: ['types:base', 'types:config'],
  link: ['base', 'port', 'wire', 'types:config'],
  agent: ['base', 'port', 'process', 'types:config'],
  fencing: ['base', 'port', 'process', 'agent', 'types:config'],
  netwatch: ['base', 'port', 'process', 'types:config'],
  arbiter: ['base', 'port', 'config'],
  connectivity: ['base', 'port', 'process', 'config'],
  control: ['base', 'port', 'types:wire', 'types:config', 'types:daemon', 'types:flight'],
  cli: ['base', 'config', 'port', 'process', 'control', 'daemon', 'agent', 'fencing', 'arbiter', 'connectivity', 'link', 'lease', 'lease-disk', 'agreement', 'sync', 'flight', 'whatif', 'cluster', 'membership', 'wire'],
  'mq/store': ['base', 'port', 'process', 'mq/core'],
  'mq/installation': ['base', 'mq/core'],
  'mq/listener': ['base', 'port', 'mq/core', 'mq/protocol', 'types:mq/installation'],
  client: ['base', 'mq/core', 'mq/protocol'],
  'mq/daemon': ['base', 'port', 'daemon', 'mq/core', 'mq/mqsc', 'mq/protocol', 'mq/store', 'mq/installation', 'mq/listener'],
  'mq/cli': ['base', 'port', 'process', 'cli', 'client', 'daemon', 'mq/listener', 'mq/core', 'mq/mqsc', 'mq/store', 'mq/installation', 'mq/daemon'],
  flight: ['base', 'wire', 'membership', 'resource', 'cluster', 'lease', 'port', 'types:safety'],
  whatif: ['base', 'config', 'wire', 'membership', 'resource', 'safety', 'cluster', 'types:port'],
  daemon: ['base', 'config', 'wire', 'membership', 'resource', 'safety', 'cluster', 'fencing', 'flight', 'arbiter', 'connectivity', 'netwatch', 'port', 'process', 'link', 'agent', 'control', 'lease', 'lease-disk', 'agreement', 'sync']
}
const pureHalf: ReadonlySet<string> = new Set(['base', 'config', 'wire', 'membership', 'resource', 'safety', 'agreement', 'cluster', 'lease', 'mq/core', 'mq/mqsc', 'mq/protocol'])
const pureNodeModules: ReadonlySet<string> = new Set(['node:buffer', 'node:crypto'])

/** Banned in the pure half, with what to use. Keys are `object.member`, `object.*` or a bare name. */
const bannedInPure: Readonly<Record<string, string>> = {
  'Date.now': 'take `now` from the event',
  'performance.now': 'take `now` from the event',
  'new Date': 'leave wall-clock time to the edge',
  'Math.random': 'take a Prng as an argument',
  setTimeout: 'return a deadline from nextDeadline',
  setInterval: 'return a deadline from nextDeadline',
  setImmediate: 'return an effect',
  queueMicrotask: 'return an effect',
  'process.*': 'take what is needed as an argument',
  'console.*': 'return a note effect'
}

const runTimePackages = ['commander', 'execa', 'node-cron', 'pino']
const developmentPackages = ['@types/node', 'tap', 'typescript']

function filesUnder(folder: string, ending: string): string[] {
  const found: string[] = []
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name)
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && entry.name !== 'dist' && !entry.name.startsWith('.')) found.push(...filesUnder(full, ending))
    } else if (entry.name.endsWith(ending)) found.push(full)
  }
  return found.sort()
}

const relative = (file: string): string => path.relative(root, file)
const sourceFiles = filesUnder(path.join(root, 'src'), '.ts')
const testFiles = filesUnder(path.join(root, 'test'), '.ts')
/** The folder a file belongs to in the table: the first step under src/, of the queue manager the first two. */
function folderOf(file: string): string {
  const [first = '', second = ''] = path.relative(path.join(root, 'src'), file).split(path.sep)
  return first === 'mq' ? `mq/${second}` : first
}

const parsed = new Map<string, ts.SourceFile>()
function sourceOf(file: string): ts.SourceFile {
  const known = parsed.get(file)
  if (known !== undefined) return known
  const source = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true)
  parsed.set(file, source)
  return source
}

const at = (node: ts.Node): string => {
  const source = node.getSourceFile()
  const { line } = source.getLineAndCharacterOfPosition(node.getStart(source))
  return `${relative(source.fileName)}:${line + 1}`
}

function everyNode(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  node.forEachChild(child => everyNode(child, visit))
}

function importsOf(file: string): { readonly node: ts.Node; readonly from: string; readonly typesOnly: boolean }[] {
  const found: { node: ts.Node; from: string; typesOnly: boolean }[] = []
  everyNode(sourceOf(file), node => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ node, from: node.moduleSpecifier.text, typesOnly: node.importClause?.isTypeOnly ?? false })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ node, from: node.moduleSpecifier.text, typesOnly: node.isTypeOnly })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      found.push({ node, from: argument !== undefined && ts.isStringLiteral(argument) ? argument.text : '(computed)', typesOnly: false })
    }
  })
  return found
}

function report(test: Pick<typeof t, 'strictSame'>, findings: readonly string[], rule: string): void {
  test.strictSame(findings, [], rule)
}

t.test('imports: every folder of src/ -> imports only what its place allows', async test => {
  const findings: string[] = []
  for (const file of sourceFiles) {
    const folder = folderOf(file)
    const allowed = mayImport[folder]
    if (allowed === undefined) {
      findings.push(`${relative(file)}:1: folder src/${folder} has no place; add it to the table here and in src/README.md`)
      continue
    }
    for (const { node, from, typesOnly } of importsOf(file)) {
      if (!from.startsWith('.')) continue
      const target = folderOf(path.resolve(path.dirname(file), from))
      if (target === folder || allowed.includes(target)) continue
      if (allowed.includes(`types:${target}`)) {
        if (!typesOnly) findings.push(`${at(node)}: src/${folder} may take only types from src/${target}; write \`import type\`, or move the function`)
      } else findings.push(`${at(node)}: src/${folder} may not import src/${target}; move what is shared to a folder both may import`)
    }
  }
  report(test, findings, 'no import against the grain')
})

t.test('packages: package.json and imports -> exactly the allowed ones', async test => {
  const findings: string[] = []
  const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  test.strictSame(Object.keys(manifest.dependencies).sort(), runTimePackages)
  test.strictSame(Object.keys(manifest.devDependencies).sort(), developmentPackages)
  for (const file of sourceFiles) {
    for (const { node, from } of importsOf(file)) {
      if (from.startsWith('.')) continue
      if (from.startsWith('node:')) {
        if (pureHalf.has(folderOf(file)) && !pureNodeModules.has(from)) {
          findings.push(`${at(node)}: ${from} in the pure half; describe the need as an effect or a port and do it in daemon/, link/ or agent/`)
        }
      } else if (pureHalf.has(folderOf(file))) findings.push(`${at(node)}: package ${from} in the pure half; do it at the edge`)
      else if (!runTimePackages.includes(from)) findings.push(`${at(node)}: ${from} is not allowed; use ${runTimePackages.join(', ')} or node:${from}`)
    }
  }
  report(test, findings, 'no foreign package')
})

t.test('pure half: clock, chance, timers, process and console -> never touched', async test => {
  const findings: string[] = []
  for (const file of sourceFiles.filter(name => pureHalf.has(folderOf(name)))) {
    everyNode(sourceOf(file), node => {
      const name = bannedName(node)
      const remedy = name === null ? undefined : bannedInPure[name]
      if (name !== null && remedy !== undefined) findings.push(`${at(node)}: ${name} in the pure half; ${remedy}`)
    })
  }
  report(test, findings, 'no banned call')
})

t.test('real-time priority: whatever the daemon begins -> through atOrdinaryPriority', async test => {
  const folders = new Set(['agent', 'fencing', 'netwatch', 'connectivity', 'link', 'lease-disk', 'sync', 'arbiter', 'flight', 'daemon'])
  // The sentry, and the `ip` that takes addresses off while everything waits, are preferred on purpose; a command is not.
  const exceptions = new Set(['src/daemon/sentry.ts', 'src/daemon/addresses.ts', 'src/connectivity/check.ts'])
  const findings: string[] = []
  for (const file of sourceFiles.filter(name => folders.has(folderOf(name)) && !exceptions.has(relative(name)))) {
    const imports = importsOf(file)
    const begins = imports.find(({ node, from }) => from === 'execa' || (from === 'node:child_process' && /\bspawn|\bexec|\bfork/.test(node.getText())))
    if (begins !== undefined && !imports.some(({ from }) => from.endsWith('process/ordinary.js'))) findings.push(`${at(begins.node)}: its children keep the daemon's real-time priority; begin them through atOrdinaryPriority`)
  }
  report(test, findings, 'no preferred child')
})

/** The key of `bannedInPure` this node uses, or null. */
function bannedName(node: ts.Node): string | null {
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Date') return 'new Date'
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const object = node.expression.text
    if (object === 'process' || object === 'console') return `${object}.*`
    return `${object}.${node.name.text}`
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) return node.expression.text
  return null
}

t.test('style: every TypeScript file -> no default export, any, suppressed error, swallowed error or leftover', async test => {
  const findings: string[] = []
  // Spelled in pieces so that this file does not find itself.
  const leftover = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`)
  const suppression = new RegExp('@ts-' + '(ignore|nocheck|expect-error)')
  for (const file of [...sourceFiles, ...testFiles]) {
    const source = sourceOf(file)
    const lines = source.text.split('\n')
    if (lines.length > linesMax) findings.push(`${relative(file)}:${linesMax}: ${lines.length} lines; split it, ${linesMax} are the limit`)
    lines.forEach((line, index) => {
      if (leftover.test(line)) findings.push(`${relative(file)}:${index + 1}: a leftover mark; do it, or describe it as an issue`)
      if (suppression.test(line)) findings.push(`${relative(file)}:${index + 1}: a suppressed type error; give the value its true type`)
    })
    if (/[A-Z_ ]/.test(path.basename(file))) findings.push(`${relative(file)}:1: file names are kebab-case`)
    everyNode(source, node => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) findings.push(`${at(node)}: any; take unknown and prove its shape`)
      if (ts.isExportAssignment(node) || (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(m => m.kind === ts.SyntaxKind.DefaultKeyword))) {
        findings.push(`${at(node)}: a default export; export it by name`)
      }
      if (ts.isCatchClause(node) && node.block.statements.length === 0) {
        findings.push(`${at(node)}: an empty catch; name the error you expect, answer it, and rethrow the rest`)
      }
      if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && node.exportClause === undefined) {
        findings.push(`${at(node)}: a barrel; import the file that defines the name`)
      }
    })
  }
  report(test, findings, 'clean')
})

/** An assigned promise is kept: whoever holds the variable owns it. */
const isAssignment = (expression: ts.Expression): boolean =>
  ts.isBinaryExpression(expression) &&
  expression.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
  expression.operatorToken.kind <= ts.SyntaxKind.LastAssignment

t.test('promises: every expression statement -> none is left floating', async test => {
  const config = ts.readConfigFile(path.join(root, 'tsconfig.json'), name => fs.readFileSync(name, 'utf8'))
  const options = ts.parseJsonConfigFileContent(config.config, ts.sys, root).options
  const program = ts.createProgram([...sourceFiles, ...testFiles], { ...options, noEmit: true })
  const checker = program.getTypeChecker()
  const findings: string[] = []
  for (const file of [...sourceFiles, ...testFiles]) {
    const source = program.getSourceFile(file)
    // supervise.ts is where such promises end up: it owns them.
    if (source === undefined || ['src/daemon/supervise.ts', 'src/client/supervise.ts'].includes(relative(file))) continue
    everyNode(source, node => {
      if (!ts.isExpressionStatement(node)) return
      const expression = ts.isVoidExpression(node.expression) ? node.expression.expression : node.expression
      if (ts.isAwaitExpression(expression)) return
      if (isTapTest(expression) || isAssignment(expression)) return
      if (isPromise(checker, checker.getTypeAtLocation(expression))) {
        findings.push(`${at(node)}: a floating promise; await it, keep it, or hand it to supervise(name, promise)`)
      }
    })
  }
  report(test, findings, 'no promise without an owner')
})

/** `t.test(…)` is a promise that tap itself awaits. */
function isTapTest(expression: ts.Expression): boolean {
  return (
    ts.isCallExpression(expression) &&
    ts.isPropertyAccessExpression(expression.expression) &&
    expression.expression.name.text === 'test' &&
    expression.getSourceFile().fileName.endsWith('.test.ts')
  )
}

function isPromise(checker: ts.TypeChecker, type: ts.Type): boolean {
  if (type.isUnion()) return type.types.some(member => isPromise(checker, member))
  return checker.getPropertyOfType(type, 'then') !== undefined
}

t.test('map: src/README.md -> names every folder of src/', async test => {
  const map = path.join(root, 'src', 'README.md')
  if (!fs.existsSync(map)) {
    test.fail('src/README.md is missing; it is the map of the code')
    return
  }
  const text = fs.readFileSync(map, 'utf8')
  const findings: string[] = []
  for (const folder of new Set(sourceFiles.map(folderOf))) {
    if (!text.includes(`${folder}/`)) findings.push(`src/${folder}: not on the map; give it a line in src/README.md`)
  }
  report(test, findings, 'complete map')
})
