/** The vocabulary of stories about what is lost: a disk, the arbiter, a ping node, a carrier. */

import { shownState } from '../../src/cluster/turn.js'
import { Scenario, type ScenarioOptions } from './scenario.js'

type Name = 'alpha' | 'beta'
const indexOf = (name: Name): 0 | 1 => (name === 'alpha' ? 0 : 1)

export const diskLost = (s: Scenario, name: Name, isLost: boolean): void => s.world.around.disk.trouble(indexOf(name), { isLost })
export const arbiterReach = (s: Scenario, name: Name, isReachable: boolean): void => {
  s.world.around.arbiter.isReachable[indexOf(name)] = isReachable
}
export const pings = (s: Scenario, name: Name, reaches: boolean): void => {
  s.world.around.reaches[indexOf(name)] = reaches
  s.node(name).pingChanged()
}
export const carries = (s: Scenario, name: Name, isUp: boolean): void => {
  const carriers = s.world.around.carriers[indexOf(name)]
  if (carriers !== undefined) carriers[0] = isUp
  s.node(name).carrierChanged(0)
}
/** Running, and every edge has said its first words. */
export const settled = (options: ScenarioOptions): Scenario => {
  const s = Scenario.running(options)
  s.passes(1_500)
  return s
}
export const holdsAddress = (s: Scenario, name: Name): boolean => s.node(name).truth[0]?.[0] === true

export const isServedSomehow = (s: Scenario): boolean => holdsAddress(s, 'alpha') || holdsAddress(s, 'beta')
/** Where nothing keeps a silent peer's group from being started, a claim is as good as a move; elsewhere it may wait for ever. */
export const isMoving = (s: Scenario, methods: readonly string[]): boolean => {
  const moving = methods.includes('lease') || methods.includes('arbiter') ? ['starting', 'stopping'] : ['claimed', 'starting', 'stopping']
  return (['alpha', 'beta'] as const).some(name => s.state(name).groups.some(group => moving.includes(shownState(group))))
}
