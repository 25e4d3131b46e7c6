import t from 'tap'
import { addressText, defaultFailover, parseDestination } from '../../src/client/address.js'

const tcp = (host: string, port = 1414, channel = ''): object => ({ kind: 'tcp', host, port, channel })

t.test('single addresses -> kind, host, port, channel; no failover', async t => {
  for (const [text, address] of [
    ['tcp://host:1415', tcp('host', 1415)],
    ['tcp://host', tcp('host')],
    ['tcp://[::1]:1414', tcp('::1')],
    ['tcp://10.0.0.1:1414/?channel=HA.CHANNEL', tcp('10.0.0.1', 1414, 'HA.CHANNEL')],
    ['tls://host', { kind: 'tls', host: 'host', port: 1414, channel: '' }],
    ['unix:/var/mqm/sockets/ha!queue!manager/qmgr.sock', { kind: 'unix', path: '/var/mqm/sockets/ha!queue!manager/qmgr.sock', channel: '' }],
    ['unix:///run/x', { kind: 'unix', path: '/run/x', channel: '' }],
    ["HA.CHANNEL/TCP/'9.22.7.46(1414)'", tcp('9.22.7.46', 1414, 'HA.CHANNEL')],
    ['HA.CHANNEL/TCP/9.22.7.46', tcp('9.22.7.46', 1414, 'HA.CHANNEL')]
  ] as const) {
    t.strictSame(parseDestination(text), { addresses: [address], failover: null }, text)
  }
  t.strictSame(parseDestination("C/TCP/'a(1414),b(1415)'").addresses, [tcp('a', 1414, 'C'), tcp('b', 1415, 'C')])
})

t.test('failover -> addresses in the order given, and options in milliseconds', async t => {
  t.strictSame(parseDestination('failover:(tcp://a:1414,tcp://b:1415)'), { addresses: [tcp('a'), tcp('b', 1415)], failover: defaultFailover })
  t.strictSame(parseDestination('failover:tcp://a').addresses, [tcp('a')])
  t.strictSame(
    parseDestination('failover://(tcp://a,C/TCP/b(1))?initialReconnectDelay=5&maxReconnectDelay=50&maxReconnectAttempts=3&timeout=1000&randomize=false&backOffMultiplier=1.5'),
    {
      addresses: [tcp('a'), tcp('b', 1, 'C')],
      failover: { initialReconnectDelay: 5, maxReconnectDelay: 50, backOffMultiplier: 1.5, maxReconnectAttempts: 3, startupMaxReconnectAttempts: 3, timeout: 1_000, randomize: false }
    }
  )
  t.match(parseDestination('failover:(tcp://a)?useExponentialBackOff=false&startupMaxReconnectAttempts=1').failover, { backOffMultiplier: 1, startupMaxReconnectAttempts: 1, maxReconnectAttempts: -1 })
})

t.test('mistakes -> 2539 that says what to write', async t => {
  for (const [text, why] of [
    ['', /nothing/],
    ['host:1414', /tcp:\/\/host:1414/],
    ['http://host', /tcp:\/\/host:1414/],
    ['tcp://host:0', /port/],
    ['tcp://host:99999', /port/],
    ['tcp://host:x', /port/],
    ['unix:relative', /unix:\/path/],
    ['C/TCP/(1414)', /CHANNEL\/TCP\/host\(port\)/],
    ['failover:()', /nothing/],
    ['failover:(tcp://a', /failover:/],
    ['failover:(tcp://a)?maxReconnect=1', /no option maxReconnect/],
    ['failover:(tcp://a)?timeout=soon', /timeout=soon/],
    ['failover:(tcp://a)?randomize=1', /true or false/]
  ] as const) {
    t.throws(() => parseDestination(text), { name: 'MqError', reason: 2539, message: why }, text)
  }
})

t.test('text -> as it may be written again', async t => {
  for (const text of ['tcp://a:1414', 'tls://[::1]:1415', 'unix:/run/x']) {
    t.equal(addressText(parseDestination(text).addresses[0] as Parameters<typeof addressText>[0]), text)
  }
})
