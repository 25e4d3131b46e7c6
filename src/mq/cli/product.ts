/** Name, version and place of this product, as the commands show them. */

import fs from 'node:fs'
import path from 'node:path'
import { packageRoot } from '../../daemon/paths.js'

export const productName = 'linux-heartbeat queue manager'

let known: { readonly version: string; readonly path: string } | null = null

export function productVersion(): { readonly version: string; readonly path: string } {
  const root = packageRoot()
  known ??= { version: (JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as { readonly version: string }).version, path: root } // our own file
  return known
}

/** First line of runmqsc. */
export const banner = (): string => `${productName} ${productVersion().version}, an independent implementation.`
