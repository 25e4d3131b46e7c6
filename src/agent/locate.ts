/**
 * Finds the script behind a resource's type.
 *
 * The first folder of the search path that holds a regular, executable file of that name wins, as in Linux-HA; ours
 * stand between the administrator's folder and /etc/init.d, so that a script an administrator put there is preferred
 * and an init script never hides one of ours.
 *
 * Not here: what is called how (runner.ts), the environment (environment.ts).
 * Source: reference on resource agents, 1.1; design, search path.
 */

import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface SearchFolder {
  readonly path: string
  /** `r1`: arguments, then the operation. `lsb`: an init script; the operation alone. */
  readonly style: 'r1' | 'lsb'
  /** The project's own scripts: idempotent, with a status of three answers. */
  readonly own: boolean
}

export interface LocatedScript {
  readonly path: string
  readonly style: 'r1' | 'lsb'
  readonly own: boolean
}

/** The folders in which a type is looked up, first one first. */
export function scriptSearchPath(options: { readonly haDir: string; readonly projectDir?: string; readonly initDir?: string }): readonly SearchFolder[] {
  return [
    { path: join(options.haDir, 'resource.d'), style: 'r1', own: false },
    { path: options.projectDir ?? projectResourceDir(), style: 'r1', own: true },
    { path: options.initDir ?? '/etc/init.d', style: 'lsb', own: false }
  ]
}

/**
 * The script of a type, or null when no folder holds an executable regular file of that name.
 * A link into the project's own folder counts as our own script.
 */
export function locateScript(type: string, searchPath: readonly SearchFolder[]): LocatedScript | null {
  // A type is a plain file name: one with a slash, or `..`, could leave the folders an administrator reviews.
  if (type === '' || type.includes('/') || type.includes('\0') || type.startsWith('.') || type.length > 200) return null
  for (const folder of searchPath) {
    const path = join(folder.path, type)
    if (!isExecutableFile(path)) continue
    return { path, style: folder.style, own: folder.own || isLinkIntoOwn(path, searchPath) }
  }
  return null
}

/** The project's own resource.d, found from this file's place in the source tree or in the built one. */
export function projectResourceDir(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let next = dirname(folder); next !== folder; next = dirname(folder)) {
    folder = next
    if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'resource.d'))) break
  }
  return join(folder, 'resource.d')
}

function isExecutableFile(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || !found.isFile()) return false
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch (error) {
    // EACCES is the answer "not executable", ENOENT that the file went away since it was looked at.
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES' || code === 'ENOENT') return false
    throw error
  }
}

function isLinkIntoOwn(path: string, searchPath: readonly SearchFolder[]): boolean {
  const real = realpathSync(path)
  return searchPath.some(folder => folder.own && existsSync(folder.path) && dirname(real) === realpathSync(folder.path))
}
