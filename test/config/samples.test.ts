import { readFileSync } from 'node:fs'
import t from 'tap'
import { formatDiagnostic, parseConfiguration } from '../../src/config/configuration.js'

const sample = (name: string) => ({ file: `etc/${name}`, text: readFileSync(new URL(`../../etc/${name}`, import.meta.url), 'utf8') })

t.test('samples: the files of etc/ -> a configuration whose only warning is about the sample key', async t => {
  const result = parseConfiguration(
    { haCf: sample('ha.cf'), haresources: sample('haresources'), authkeys: { ...sample('authkeys'), mode: 0o600, ownerUid: 0 } },
    { nodeName: 'ha1', uid: 0 }
  )
  t.match(result.diagnostics.map(formatDiagnostic), [/warning: key 1 is the one of the sample file/])
  t.equal(result.diagnostics.length, 1)
  t.equal(result.ok, true)
  if (!result.ok) return
  const { cf, groups, keys } = result.configuration
  t.match(cf, { nodes: ['ha1', 'ha2'], keepaliveMs: 100, warntimeMs: 500, deadtimeMs: 1000, initdeadMs: 10_000, autoFailback: 'off' })
  t.equal(cf.media.length, 3)
  t.strictSame(groups.map(group => group.resources.map(resource => resource.type)), [['IPaddr', 'Filesystem', 'MailTo']])
  t.equal(keys.active.method, 'sha256')
})

t.test('samples: each line of ha.cf that waits behind a # -> valid when it is taken in', async t => {
  const { file, text } = sample('ha.cf')
  const waiting = text.split('\n').filter(line => /^#[a-z]/.test(line))
  t.ok(waiting.length > 20)
  for (const line of waiting) {
    const haCf = { file, text: text.replace(line, line.slice(1)) }
    const result = parseConfiguration({ haCf, haresources: sample('haresources'), authkeys: { ...sample('authkeys'), mode: 0o600, ownerUid: 0 } }, { nodeName: 'ha1', uid: 0 })
    t.equal(result.ok, true, `${line}: ${result.diagnostics.map(formatDiagnostic).join('; ')}`)
  }
})
