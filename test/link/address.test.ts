import t from 'tap'
import { broadcastOf, chooseAddress, isInSubnet, isOwnAddress, type LocalAddress } from '../../src/link/address.js'
import { tableOf } from './recorder.js'

const local = (address: string, netmask: string): LocalAddress => ({ address, netmask, mac: '' })

t.test('address: broadcast of a subnet, both sides of what has one', async t => {
  t.equal(broadcastOf(local('10.1.2.3', '255.255.255.0')), '10.1.2.255')
  t.equal(broadcastOf(local('10.1.2.3', '255.255.255.252')), '10.1.2.3')
  t.equal(broadcastOf(local('192.168.200.9', '255.255.240.0')), '192.168.207.255')
  t.equal(broadcastOf(local('200.0.0.1', '255.0.0.0')), '200.255.255.255')
  t.equal(broadcastOf(local('10.1.2.3', '255.255.255.254')), null)
  t.equal(broadcastOf(local('10.1.2.3', '255.255.255.255')), null)
})

t.test('address: in the subnet or next to it', async t => {
  t.ok(isInSubnet(local('200.0.0.1', '255.255.255.128'), '200.0.0.127'))
  t.notOk(isInSubnet(local('200.0.0.1', '255.255.255.128'), '200.0.0.128'))
})

t.test('address: several on one interface -> the one in use stays, else the peer\'s subnet, else the first', async t => {
  const table = tableOf({ eth0: ['10.0.0.1', '10.0.0.100', '192.168.1.1'] }, '255.255.255.0')
  t.equal(chooseAddress(table, 'eth0', null, null)?.address, '10.0.0.1')
  t.equal(chooseAddress(table, 'eth0', '192.168.1.2', null)?.address, '192.168.1.1')
  t.equal(chooseAddress(table, 'eth0', '172.16.0.1', null)?.address, '10.0.0.1')
  t.equal(chooseAddress(table, 'eth0', '192.168.1.2', '10.0.0.1')?.address, '10.0.0.1')
  t.equal(chooseAddress(table, 'eth0', null, '10.0.0.7')?.address, '10.0.0.1')
  t.equal(chooseAddress(table, 'eth1', null, null), null)
  t.ok(isOwnAddress(table, '10.0.0.100'))
  t.notOk(isOwnAddress(table, '10.0.0.2'))
})
