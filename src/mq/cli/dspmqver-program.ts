/** dspmqver: which version this is. Source: reference 1.9. */

import fs from 'node:fs'
import os from 'node:os'
import type { MqCommand } from './command.js'
import { productName, productVersion } from './product.js'

const labelWidth = 13
/** What programs ask for to know which commands they may use. */
export const commandLevel = 940

export const dspmqver: MqCommand = {
  wrongUse: 20,
  forAnybody: true,
  spec: {
    name: 'dspmqver',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    json: 'own',
    summary: 'shows the version',
    options: [
      { name: 'b', help: 'values alone, without labels' },
      {
        name: 'f',
        value: 'mask',
        help: 'sum of: 1 Name, 2 Version, 4 Level, 8 BuildType, 16 Platform, 32 Mode, 64 O/S, 128 InstName, 256 InstDesc, 512 InstPath, 1024 DataPath, 2048 MaxCmdLevel, 4096 Primary, 8192 LicenseType'
      },
      { name: 'p', value: 'mask', help: 'components; there is one' },
      { name: 'i', help: 'all installations; there is one' },
      { name: 'v', help: 'verbose; the same' }
    ],
    exit: [
      [0, 'shown'],
      [20, 'wrong option']
    ]
  },
  run: ({ options, context, layout, isJson, complain }) => {
    const { version, path } = productVersion()
    const fields: readonly (readonly [mask: number, label: string, value: string])[] = [
      [1, 'Name', productName],
      [2, 'Version', version],
      [4, 'Level', `p${version.replaceAll('.', '')}`],
      [8, 'BuildType', 'PRODUCTION'],
      [16, 'Platform', `Node.js ${process.versions.node} for Linux (${process.arch} platform)`],
      [32, 'Mode', '64-bit'],
      [64, 'O/S', `Linux ${os.release()}`],
      [64, 'O/S Details', osDetails()],
      [128, 'InstName', 'Installation1'],
      [256, 'InstDesc', ''],
      [4096, 'Primary', 'Yes'],
      [512, 'InstPath', path],
      [1024, 'DataPath', layout.root],
      [2048, 'MaxCmdLevel', String(commandLevel)],
      [8192, 'LicenseType', 'Apache-2.0']
    ]
    const mask = options.number('f', 1, 16_383)
    if (typeof mask === 'string') {
      complain(`dspmqver: ${mask}`)
      return Promise.resolve(20)
    }
    const chosen = fields.filter(([bit]) => mask === null || (mask & bit) !== 0)
    if (isJson) context.out(JSON.stringify(Object.fromEntries(chosen.map(([, label, value]) => [label, value]))))
    else for (const [, label, value] of chosen) context.out(options.has('b') ? value : `${`${label}:`.padEnd(labelWidth)}${value}`.trimEnd())
    return Promise.resolve(0)
  }
}

function osDetails(): string {
  const file = '/etc/os-release'
  if (!fs.existsSync(file)) return ''
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(fs.readFileSync(file, 'utf8'))?.[1] ?? ''
}
