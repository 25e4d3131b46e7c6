/** Certificates and administrators: what the listener needs to know of the machine besides the users file. */

import fs from 'node:fs'
import os from 'node:os'
import tls from 'node:tls'
import { HaError } from '../../base/errors.js'
import { administratorName } from '../installation/administrators.js'
import type { TlsFiles } from '../installation/qm-ini.js'

export interface SecureSettings {
  readonly context: tls.SecureContext
  readonly isRequired: boolean
  readonly asksCertificate: boolean
}

/** @throws HaError HA_MQ_INI_INVALID that names the file which cannot be used */
export function loadTls(files: TlsFiles | null): SecureSettings | null {
  if (files === null) return null
  const read = (file: string): Buffer => {
    try {
      return fs.readFileSync(file)
    } catch (error) {
      throw new HaError('HA_MQ_INI_INVALID', `AMQ7076E: the file ${file} named in stanza SSL of qm.ini cannot be read: ${text(error)}`, { cause: error })
    }
  }
  const [cert, key] = [read(files.certificate), read(files.key)]
  const ca = files.authorities === '' ? undefined : read(files.authorities)
  try {
    const context = tls.createSecureContext({ cert, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
    return { context, isRequired: files.isRequired, asksCertificate: ca !== undefined }
  } catch (error) {
    throw new HaError('HA_MQ_INI_INVALID', `AMQ7076E: the certificate ${files.certificate} and the key ${files.key} do not make a pair that can be used: ${text(error)}`, { cause: error })
  }
}

/** root, the user who runs the queue manager, `mqm`, and who is in group `mqm`. Read anew when asked to refresh. */
export class Administrators {
  #names: ReadonlySet<string> = new Set()

  constructor() {
    this.refresh()
  }

  has(user: string): boolean {
    return this.#names.has(user)
  }

  refresh(): void {
    const group = fs.readFileSync('/etc/group', 'utf8').split('\n').find(line => line.startsWith(`${administratorName}:`))
    const members = (group?.split(':')[3] ?? '').split(',').filter(name => name !== '')
    this.#names = new Set(['root', administratorName, ownName(), ...members])
  }
}

/** The name of the user this process runs as; its number when the user has none. */
export function ownName(): string {
  try {
    return os.userInfo().username
  } catch {
    return String(process.geteuid?.() ?? '') // a number without an entry in the user database
  }
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))
