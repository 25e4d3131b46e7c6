/**
 * setmquser: users and tokens of a queue manager, for connections from outside. Passwords are kept as scrypt hashes, tokens
 * as digests, in `users` beside the data, so that they move with it. A running queue manager reads the file anew.
 */

import fs from 'node:fs'
import type { Readable } from 'node:stream'
import { readIfThere, writeDurably } from '../installation/durable-file.js'
import { dataFiles } from '../installation/layout.js'
import { parseUsers, passwordLine, tokenLine, userNamePattern } from '../listener/users.js'
import { codes, named, withInstallation } from './command.js'
import type { MqCommand, Surroundings } from './command.js'

const passwordBytesMax = 1024

export interface PasswordSource {
  readonly stream: Readable & { setRawMode?(isRaw: boolean): unknown }
  readonly isTerminal: boolean
}

export const setmquserFrom = (input: () => PasswordSource): MqCommand => ({
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'setmquser',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    json: 'own',
    summary: 'sets passwords and tokens for connections to a queue manager',
    description: 'The password is read from standard input, one line, and is not shown. A token is made here, printed once and kept nowhere; the one before is void.',
    options: [
      { name: 'm', value: 'QMgrName', help: 'queue manager; default: the default one' },
      { name: 'u', value: 'user', help: 'who: letters, digits, dot, dash and underscore, at most 64' },
      { name: 'token', help: 'make a token instead of a password' },
      { name: 'd', help: 'delete the user, with password and token' },
      { name: 'l', help: 'list the users' }
    ],
    exit: [
      [0, 'done'],
      [16, 'there is no queue manager of that name'],
      [39, 'wrong option, user name or password'],
      [40, 'there is no such user to delete'],
      [71, 'unexpected error'],
      [119, 'not authorized']
    ],
    files: ['<data>/users'],
    examples: [
      ['setmquser -m QM1 -u alice', 'asks for the password'],
      ['setmquser -m QM1 -u billing --token', 'prints the token']
    ]
  },
  run: surroundings => run(surroundings, input)
})

async function run(surroundings: Surroundings, input: () => PasswordSource): Promise<number> {
  const { options, complain, context, layout, isJson } = surroundings
  const found = named(surroundings, options.value('m') ?? undefined)
  if (!found.ok) return found.status
  const file = dataFiles(found.queueManager.dataPath).users
  if (options.has('l')) {
    const { users } = parseUsers(readIfThere(file) ?? '')
    const list = [...[...users.passwords.keys()].map(user => ({ user, kind: 'password' })), ...users.tokens.map(({ user }) => ({ user, kind: 'token' }))]
    if (isJson) context.out(JSON.stringify(list))
    else for (const { user, kind } of list) context.out(`${user} (${kind})`)
    return codes.done
  }
  const user = options.value('u') ?? ''
  if (!userNamePattern.test(user)) {
    complain(user === '' ? 'setmquser: -u with the name of a user is required' : `setmquser: '${user}' is no name of a user`)
    return codes.invalidParameter
  }
  const isToken = options.has('token')
  let line: string | null = null
  let token: string | null = null
  if (!options.has('d')) {
    if (isToken) ({ token, line } = tokenLine(user))
    else {
      const password = await readPassword(input(), user)
      if (password === '' || Buffer.byteLength(password) > passwordBytesMax) {
        complain(`setmquser: a password has 1 to ${passwordBytesMax} bytes; nothing was changed`)
        return codes.invalidParameter
      }
      line = await passwordLine(user, password)
    }
  }
  return await withInstallation(layout, () => {
    const before = readIfThere(file) ?? ''
    const isMeant = (kept: string): boolean => kept.startsWith(`${user}:`) && (line === null || kept.startsWith(`${user}:${isToken ? 'token' : 'scrypt'}:`))
    const lines = before.split('\n').filter(kept => kept !== '')
    const others = lines.filter(kept => !isMeant(kept))
    if (line === null && others.length === lines.length) {
      complain(`setmquser: there is no user ${user}`)
      return codes.notAvailable
    }
    writeDurably(file, [...others, ...(line === null ? [] : [line])].map(kept => `${kept}\n`).join(''), 0o640)
    if (isJson) context.out(JSON.stringify(token === null ? { user } : { user, token }))
    else if (token !== null) context.out(token)
    return codes.done
  })
}

/** The first line; from a terminal without showing it. */
function readPassword({ stream, isTerminal }: PasswordSource, user: string): Promise<string> {
  if (isTerminal) {
    fs.writeSync(2, `Password of ${user}: `)
    stream.setRawMode?.(true)
  }
  return new Promise(resolve => {
    let said = ''
    const settle = (): void => {
      stream.off('data', onData)
      stream.off('end', settle)
      if (isTerminal) {
        stream.setRawMode?.(false)
        fs.writeSync(2, '\n')
      }
      stream.pause()
      resolve(said.split(/[\r\n]/, 1)[0] ?? '')
    }
    const onData = (chunk: unknown): void => {
      for (const character of String(chunk)) {
        if (isTerminal && character === '\u0003') {
          said = ''
          settle()
          return
        }
        if (isTerminal && (character === '\u007f' || character === '\b')) said = said.slice(0, -1)
        else said += character
      }
      if (/[\r\n\u0004]/.test(said) || said.length > passwordBytesMax + 1) settle()
    }
    stream.setEncoding('utf8')
    stream.on('data', onData)
    stream.on('end', settle)
  })
}
