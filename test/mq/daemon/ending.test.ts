import t from 'tap'
import { supervise } from '../../../src/daemon/supervise.js'
import { Ending } from '../../../src/mq/daemon/ending.js'
import type { EndingSteps } from '../../../src/mq/daemon/ending.js'

interface Story {
  readonly ending: Ending
  readonly said: string[]
  readonly ended: Promise<void>
  connections: number
}

function story(steps: Partial<EndingSteps> = {}): Story {
  const said: string[] = []
  let settle: () => void = () => undefined
  const ended = new Promise<void>(resolve => {
    settle = resolve
  })
  const self: Story = {
    said,
    ended,
    connections: 1,
    ending: new Ending({
      record: state => said.push(`record ${state}`),
      quiesce: () => said.push('quiesce'),
      connections: () => self.connections,
      stop: () => {
        said.push('stop')
        return Promise.resolve()
      },
      exit: how => {
        said.push(`exit ${how}`)
        settle()
      },
      supervise,
      ...steps
    })
  }
  return self
}

t.test('controlled end: programs are told, the last one leaves -> ended normally', async t => {
  const self = story()
  self.ending.request('controlled')
  t.equal(self.ending.phase, 'QUIESCING')
  t.strictSame(self.said, ['record quiescing', 'quiesce'])
  self.connections = 0
  await self.ended
  t.strictSame(self.said.slice(2), ['stop', 'record ended-normally', 'exit orderly'])
})

t.test('controlled end: a program stays, endmqm -i follows -> immediate', async t => {
  const self = story()
  self.ending.request('controlled')
  self.ending.request('immediate')
  self.ending.request('immediate')
  await self.ended
  t.strictSame(self.said, ['record quiescing', 'quiesce', 'record ending-immediately', 'stop', 'record ended-immediately', 'exit orderly'])
})

t.test('controlled end with a target: a program stays -> immediate when the time is over', async t => {
  const self = story()
  self.ending.request('controlled', { seconds: 0, mayPreempt: false })
  await self.ended
  t.equal(self.said.at(-2), 'record ended-immediately')
})

t.test('immediate end whose disk hangs, with -tp -> pre-emptive when the time is over', async t => {
  const self = story({ stop: () => new Promise(() => undefined) })
  self.ending.request('immediate', { seconds: 0, mayPreempt: true })
  await self.ended
  t.strictSame(self.said, ['record ending-immediately', 'record ended-preemptively', 'exit preemptive'])
})

t.test('immediate end: a step fails -> the end is told as failed, not as orderly', async t => {
  const self = story({ stop: () => Promise.reject(new Error('EIO')) })
  self.ending.request('immediate')
  await self.ended
  t.strictSame(self.said, ['record ending-immediately', 'exit failed'])
})
