/** Positions of the log: where a fragment may begin. */

import t from 'tap'
import { extentHeaderBytes, Geometry } from '../../../src/mq/store/extent.js'

t.test('position: a record that fills its extent to the last byte -> the next begins behind the header of the next extent', test => {
  const geometry = new Geometry(65_536)
  const start = geometry.startOf(3)
  test.equal(geometry.after(start, geometry.room(start)), geometry.startOf(4))
  test.equal(geometry.settle(geometry.endOf(3)), geometry.startOf(4))
  test.equal(geometry.settle(geometry.endOf(3) - 32), geometry.startOf(4))
  test.equal(geometry.settle(geometry.endOf(3) - 40), geometry.endOf(3) - 40)
  for (let position = geometry.startOf(3); position <= geometry.endOf(5); position += 8) {
    const settled = geometry.settle(position)
    if (geometry.offsetOf(settled) < extentHeaderBytes || settled < position) test.fail(`${position} settles at ${settled}`)
  }
  test.end()
})
