/** A directory for sockets: t.testdir's paths carry the test's name and outgrow the 107 bytes a socket's path may have. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export function shortDirectory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'ha-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}
