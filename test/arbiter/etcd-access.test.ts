import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import { once } from 'node:events'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import { b64, configFor, endpoint, EtcdServer, eventually, Node, noEtcd, type TlsFiles } from './etcd-server.js'

const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'missing tool: openssl (Debian package openssl)'
const options = { skip: noEtcd }
const tlsOptions = { skip: noEtcd === false ? noOpenssl : noEtcd }

function openssl(...args: readonly string[]): void {
  const made = spawnSync('openssl', args, { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
}

/** A certificate authority and a certificate of 127.0.0.1 by it. */
function makeTls(folder: string, name: string): TlsFiles {
  const file = (ending: string): string => path.join(folder, `${name}-${ending}`)
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name} CA`, '-keyout', file('ca.key'), '-out', file('ca.pem'))
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=etcd', '-keyout', file('key.pem'), '-out', file('csr'))
  fs.writeFileSync(file('ext'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n')
  openssl('x509', '-req', '-in', file('csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', file('ext'), '-out', file('cert.pem'))
  return { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') }
}

async function enableAuth(server: EtcdServer): Promise<void> {
  for (const name of ['root', 'hb']) {
    await server.call('auth/user/add', { name, password: `${name}-password` })
    await server.call('auth/role/add', { name })
    await server.call('auth/user/grant', { user: name, role: name })
  }
  await server.call('auth/role/grant', { name: 'hb', perm: { permType: 'READWRITE', key: b64('/heartbeat/test/'), range_end: b64('/heartbeat/test0') } })
  await server.call('auth/enable', {})
}

function passwordFile(t: Pick<Test, 'testdir'>, text: string, mode = 0o600): string {
  const file = path.join(t.testdir({ password: text }), 'password')
  fs.chmodSync(file, mode)
  return file
}

t.test('user and password -> keys are made; etcd begins anew and knows no token any more -> signed in again', options, async t => {
  const server = await EtcdServer.start(t)
  await enableAuth(server)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint], { user: 'hb', passwordFile: passwordFile(t, 'hb-password\n') })).open('aaaa')
  const word = await ha1.holds('aaaa')
  await server.kill()
  await server.begin()
  await ha1.hears('renewed', later => later.trouble === null && (later.renewedFrom ?? 0) > (word.renewedFrom ?? 0) + 500 && later.ours.length === 1)
})

t.test('wrong password -> a sentence without the password; corrected in the file -> read again', options, async t => {
  const server = await EtcdServer.start(t)
  await enableAuth(server)
  const file = passwordFile(t, 'hunter2\n')
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint], { user: 'hb', passwordFile: file })).open('aaaa')
  const said = await ha1.hears('trouble', word => word.trouble !== null)
  t.match(said, { renewedFrom: null, ours: [], trouble: /^user hb: http:.*authentication failed, invalid user ID or password/ })
  t.notMatch(JSON.stringify(ha1.words), /hunter2/)
  fs.writeFileSync(file, 'hb-password\n')
  await ha1.holds('aaaa')
})

t.test('no user where etcd wants one, or one without permission -> a sentence', options, async t => {
  const server = await EtcdServer.start(t)
  await enableAuth(server)
  const nobody = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  t.match(await nobody.hears('trouble', word => word.trouble !== null), { ours: [], trouble: /user name is empty/ })
  const stranger = new Node(t, 'ha1', configFor([server.endpoint], { user: 'hb', passwordFile: passwordFile(t, 'hb-password'), prefix: '/other' })).open('aaaa')
  t.match(await stranger.hears('trouble', word => word.trouble !== null), { ours: [], trouble: /permission denied/ })
})

t.test('a user where etcd asks nobody -> works', options, async t => {
  const server = await EtcdServer.start(t)
  await new Node(t, 'ha1', configFor([server.endpoint], { user: 'hb', passwordFile: passwordFile(t, 'x') })).open('aaaa').holds('aaaa')
})

t.test('password file: readable by others, missing, empty, a folder -> refused in one sentence', async t => {
  const shared = passwordFile(t, 'x', 0o640)
  const empty = path.join(path.dirname(shared), 'empty')
  fs.writeFileSync(empty, '', { mode: 0o600 })
  for (const [file, says] of [[shared, /may be read by others \(mode 640\); run: chmod 600/], ['/nowhere/x', /cannot be read \(ENOENT\)/], [empty, /is empty/], [path.dirname(shared), /is not a plain file/]] as const) {
    const ha1 = new Node(t, 'ha1', configFor([endpoint(1)], { user: 'hb', passwordFile: file })).open('aaaa')
    t.match(await ha1.hears('trouble', word => word.trouble !== null), { trouble: says, ours: [] })
  }
})

t.test('TLS: certificate by our CA -> keys are made; by another CA, or none named -> refused, nothing is sent', tlsOptions, async t => {
  const folder = t.testdir({})
  const tls = makeTls(folder, 'ours')
  const other = makeTls(folder, 'other')
  const server = await EtcdServer.start(t, { tls })
  await new Node(t, 'ha1', configFor([server.endpoint], { caFile: tls.ca })).open('aaaa').holds('aaaa')
  for (const caFile of [other.ca, null]) {
    const ha2 = new Node(t, 'ha2', configFor([server.endpoint], { caFile })).open('bbbb')
    t.match(await ha2.hears('trouble', word => word.trouble !== null), { renewedFrom: null, ours: [], theirs: [], trouble: /^https:.*(certificate|self-signed)/ })
  }
  const byName = new Node(t, 'ha2', configFor([endpoint(server.port, true, 'localhost')], { caFile: tls.ca })).open('bbbb')
  t.match(await byName.hears('trouble', word => word.trouble !== null), { trouble: /altnames|does not match/ })
  const rotten = path.join(folder, 'rotten.pem')
  fs.writeFileSync(rotten, 'not a certificate')
  const broken = new Node(t, 'ha2', configFor([server.endpoint], { caFile: tls.ca, certFile: rotten, keyFile: rotten })).open('bbbb')
  t.match(await broken.hears('trouble', word => word.trouble !== null), { trouble: /PEM|certificates? cannot be used|no start line/ })
})

t.test('TLS: the CA file is replaced while we run -> read again after the refusal', tlsOptions, async t => {
  const folder = t.testdir({})
  const tls = makeTls(folder, 'ours')
  const ca = path.join(folder, 'ca-in-use.pem')
  fs.copyFileSync(makeTls(folder, 'other').ca, ca)
  const server = await EtcdServer.start(t, { tls })
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint], { caFile: ca })).open('aaaa')
  await ha1.hears('trouble', word => word.trouble !== null)
  fs.copyFileSync(tls.ca, ca)
  await ha1.holds('aaaa')
})

/** A server that is no etcd. */
async function stranger(t: Pick<Test, 'teardown'>, answer: (response: http.ServerResponse, path: string) => void): Promise<number> {
  const server = http.createServer((request, response) => {
    request.resume()
    answer(response, request.url ?? '')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return address === null || typeof address === 'string' ? 0 : address.port
}

t.test('answers of a server that is no etcd -> each a sentence, bounded, and never a key', async t => {
  const cases: Readonly<Record<string, readonly [RegExp, (response: http.ServerResponse, path: string) => void]>> = {
    'too large': [/more than 65536 bytes/, response => response.end(`{"ID":"${'1'.repeat(200_000)}"}`)],
    'without an end': [/more than 65536 bytes/, response => {
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(30_000), () => setImmediate(more))
      }
      more()
    }],
    'no JSON': [/\(status 200\) is no JSON object/, response => response.end('<html>')],
    'a JSON list': [/is no JSON object/, response => response.end('[1]')],
    'nothing': [/is no JSON object/, response => response.end()],
    'an empty object': [/granted a lease of 0 ms, not of 2000 ms/, response => response.end('{}')],
    'a shorter lease': [/granted a lease of 1000 ms/, response => response.end('{"ID":"5","TTL":"1"}')],
    'wrong types': [/granted a lease of/, response => response.end('{"ID":{"a":1},"TTL":[]}')],
    'status 500': [/an error without a text/, response => response.writeHead(500).end('{}')],
    'control characters': [/: \?\[31mred/, response => response.writeHead(400).end('{"message":"\\u001b[31mred"}')],
    'half an answer': [/aborted|hang up|ECONNRESET/, response => {
      response.write('{"ID":')
      setImmediate(() => response.destroy())
    }],
    'never': [/no answer within 500 ms/, () => undefined],
    'headers, then nothing': [/no answer within 500 ms/, response => response.write('{')],
    'a renewal that another leader answers': [/elected another leader/, (response, path) => {
      if (path === '/v3/lease/grant') response.end('{"ID":"5","TTL":"2"}')
      else if (path === '/v3/lease/keepalive') response.end('{"result":{"header":{"raft_term":"2"},"ID":"5","TTL":"2"}}')
      else response.end('{"header":{"raft_term":"3"},"responses":[]}')
    }]
  }
  await Promise.all(Object.entries(cases).map(async ([name, [says, answer]]) => {
    const ha1 = new Node(t, 'ha1', configFor([endpoint(await stranger(t, answer))])).open('aaaa')
    await eventually(name, () => ha1.words.some(word => word.trouble !== null))
    t.match(ha1.words.find(word => word.trouble !== null), { ours: [], trouble: says }, name)
  }))
})

t.test('a renewal that another leader answers -> the moment of renewal stays where it was', async t => {
  const port = await stranger(t, (response, path) => {
    if (path === '/v3/lease/grant') response.end('{"ID":"5","TTL":"2"}')
    else if (path === '/v3/lease/keepalive') response.end('{"result":{"header":{"raft_term":"2"},"ID":"5","TTL":"2"}}')
    else response.end('{"header":{"raft_term":"3"},"responses":[]}')
  })
  const ha1 = new Node(t, 'ha1', configFor([endpoint(port)])).open()
  const opened = performance.now()
  await eventually('refused three times', () => ha1.words.filter(word => word.trouble !== null).length >= 3)
  t.equal(new Set(ha1.words.map(word => word.renewedFrom)).size, 1)
  t.ok((ha1.word?.renewedFrom ?? Infinity) < opened + 500)
})

t.test('signing in: a token that cannot be a header -> refused, a sentence', async t => {
  const port = await stranger(t, (response, path) => response.end(path === '/v3/auth/authenticate' ? '{"token":"a\\r\\nb"}' : '{}'))
  const ha1 = new Node(t, 'ha1', configFor([endpoint(port)], { user: 'hb', passwordFile: passwordFile(t, 'x') })).open('aaaa')
  t.match(await ha1.hears('trouble', word => word.trouble !== null), { ours: [], trouble: /signed us in without a token/ })
})
