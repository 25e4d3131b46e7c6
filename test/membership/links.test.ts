import t from 'tap'
import { instant, millis } from '../../src/base/units.js'
import { forgiveLink, hearOn, judgeLink, linkDeathAt, silentLink, type LinkState } from '../../src/membership/links.js'

const deadtimeMs = millis(500)
const silent = silentLink('eth0', 'ucast eth0 10.0.0.2')
const heardAt = (now: number, change: { readonly generation?: number; readonly sequence?: number } = {}, link: LinkState = silent): LinkState =>
  hearOn(link, 'ha2', { generation: 7, sequence: 1, ...change, now: instant(now) }).link

t.test('link: nothing heard yet -> down, with no death to wait for', async t => {
  t.equal(silent.isUp, false)
  t.equal(linkDeathAt(silent, deadtimeMs), null)
  t.strictSame(judgeLink(silent, 'ha2', deadtimeMs, instant(1_000_000)), { link: silent, notes: [] })
})

t.test('link: first datagram -> up, said once', async t => {
  const first = hearOn(silent, 'ha2', { generation: 7, sequence: 1, now: instant(100) })
  t.equal(first.link.isUp, true)
  t.strictSame(first.notes, [{ level: 'info', text: 'Link ha2:eth0 up.' }])
  t.strictSame(hearOn(first.link, 'ha2', { generation: 7, sequence: 2, now: instant(200) }).notes, [])
})

t.test('link: silent for deadtime -> dead once, both sides of the bound', async t => {
  const link = heardAt(100)
  t.equal(linkDeathAt(link, deadtimeMs), 600)
  t.equal(judgeLink(link, 'ha2', deadtimeMs, instant(599)).link, link)
  const dead = judgeLink(link, 'ha2', deadtimeMs, instant(600))
  t.equal(dead.link.isUp, false)
  t.strictSame(dead.notes, [{ level: 'info', text: 'Link ha2:eth0 dead.' }])
  t.strictSame(judgeLink(dead.link, 'ha2', deadtimeMs, instant(9_000)), { link: dead.link, notes: [] })
  t.equal(linkDeathAt(dead.link, deadtimeMs), null)
})

t.test('link: dead with a medium in trouble -> the note says why', async t => {
  const { notes } = judgeLink({ ...heardAt(100), trouble: 'eth0 has no address' }, 'ha2', deadtimeMs, instant(600))
  t.strictSame(notes, [{ level: 'info', text: 'Link ha2:eth0 dead. (eth0 has no address)' }])
})

t.test('link: the same or an older sequence -> does not keep it up', async t => {
  const link = heardAt(100, { sequence: 5 })
  for (const sequence of [5, 4, 1]) t.equal(heardAt(400, { sequence }, link), link, `sequence ${sequence}`)
  t.equal(heardAt(400, { sequence: 6 }, link).heardAt, 400)
})

t.test('link: a replay after its death -> stays dead; something new -> up again', async t => {
  const dead = judgeLink(heardAt(100, { sequence: 5 }), 'ha2', deadtimeMs, instant(600)).link
  t.equal(heardAt(700, { sequence: 5 }, dead), dead)
  const back = hearOn(dead, 'ha2', { generation: 7, sequence: 6, now: instant(700) })
  t.equal(back.link.isUp, true)
  t.strictSame(back.notes, [{ level: 'info', text: 'Link ha2:eth0 up.' }])
})

t.test('link: a larger generation -> counts from its first sequence; a smaller one -> never counts', async t => {
  const link = heardAt(100, { generation: 7, sequence: 900 })
  t.match(heardAt(200, { generation: 8, sequence: 1 }, link), { heardAt: 200, generation: 8, newest: 1 })
  t.equal(heardAt(200, { generation: 6, sequence: 5_000 }, link), link)
})

t.test('link: our own stall -> moves the last hearing forward, never beyond now', async t => {
  const link = heardAt(100)
  t.equal(forgiveLink(link, millis(300), instant(1_000)).heardAt, 400)
  t.equal(forgiveLink(link, millis(2_000), instant(1_000)).heardAt, 1_000)
  t.equal(forgiveLink(silent, millis(300), instant(1_000)), silent)
})
