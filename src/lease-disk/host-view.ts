/** This machine, as storage.ts wants to see it. What is missing or may not be read is null: it then proves nothing. */

import { readFile, readdir, readlink, realpath, stat } from 'node:fs/promises'
import type { HostView } from './storage.js'

const absent = new Set(['ENOENT', 'ENOTDIR', 'EINVAL', 'EACCES', 'ENXIO', 'ENODEV', 'ELOOP'])

async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Error && 'code' in error && absent.has(String(error.code))) return null
    throw error
  }
}

/** As Linux encodes a device number for user space. */
const majorMinor = (device: number): string => {
  const value = BigInt(device)
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn)
  const minor = (value & 0xffn) | ((value >> 12n) & ~0xffn & 0xffffffffn)
  return `${major}:${minor}`
}

export const hostView: HostView = {
  realPath: path => orNull(realpath(path)),
  async stat(path) {
    const found = await orNull(stat(path))
    if (found === null) return null
    if (found.isBlockDevice()) return { kind: 'block', device: majorMinor(found.rdev) }
    return { kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other', device: majorMinor(found.dev) }
  },
  text: path => orNull(readFile(path, 'utf8')),
  list: async path => (await orNull(readdir(path))) ?? [],
  link: path => orNull(readlink(path))
}
