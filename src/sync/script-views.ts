/** Looks at every script that haresources uses: where it is found decides how it is called, its content what it does. */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { locateScript, type SearchFolder } from '../agent/locate.js'
import type { ScriptView } from '../agreement/differences.js'
import { contentDigest } from '../agreement/digests.js'
import type { ResourceGroup } from '../config/types.js'
import { codeOf, readBounded } from './read-file.js'

export const scriptNames = (groups: readonly ResourceGroup[]): readonly string[] =>
  [...new Set(groups.flatMap(group => group.resources.map(resource => resource.type)))].sort()

/** In the order of their names. Never rejects for what a file may be. */
export async function scriptViews(groups: readonly ResourceGroup[], searchPath: readonly SearchFolder[]): Promise<readonly ScriptView[]> {
  const views: ScriptView[] = []
  // One after the other: a slow disk gets one question at a time, and memory holds one script.
  for (const name of scriptNames(groups)) views.push(await viewOf(name, searchPath))
  return views
}

async function viewOf(name: string, searchPath: readonly SearchFolder[]): Promise<ScriptView> {
  const found = locateScript(name, searchPath)
  const read = found === null ? null : await readBounded(found.path, { follow: true })
  if (found === null || read === null || read.kind === 'missing') return { name, style: 'missing', digest: '' }
  return { name, style: found.style, digest: read.kind === 'file' ? contentDigest(read.bytes) : read.why }
}

/**
 * What the file system says of every place where such a script may be, without reading one: another text when any of them
 * was changed, put there or taken away. Never rejects for what a file may be.
 */
export async function scriptStamp(groups: readonly ResourceGroup[], searchPath: readonly SearchFolder[]): Promise<string> {
  const stamps: string[] = []
  for (const name of scriptNames(groups)) for (const folder of searchPath) stamps.push(await stampOf(join(folder.path, name)))
  return stamps.join('\n')
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mode, mtimeMs, ctimeMs } = await stat(path)
    return `${ino} ${size} ${mode} ${mtimeMs} ${ctimeMs}`
  } catch (error) {
    return codeOf(error)
  }
}
