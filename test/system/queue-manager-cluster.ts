/**
 * A laboratory whose group is the one of the walkthrough: floating address, ext4 on the shared disk, queue manager. The
 * queue manager is created once in a test file; each laboratory begins with a copy of what was created.
 */

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Test } from 'tap'
import { connect } from '../../src/client/client.js'
import { Lab } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import { createQueueManager, diskMegabytes, haresourcesOf, haresourcesOnShared, loadQueue, mountPoint, mqServer, processOn, restoreQueueManager, savedDisk, saveQueueManager, socketOf } from '../lab/queue-manager.js'
import { Putter } from '../demo/putter-client.js'
import { Cluster, group, type ClusterOptions } from './cluster.js'

/** For what starts processes on a busy machine; nothing here is measured by it. */
export const patienceMs = 40_000

interface Teardown {
  teardown(end: () => void | Promise<void>): void
}

let created: Promise<string> | null = null

async function create(): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hbqm-'))
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  const lab = await Lab.create({ prefix: 'sys', diskMegabytes })
  try {
    await createQueueManager(lab)
    await saveQueueManager(lab, folder)
  } finally {
    lab.dispose()
  }
  return folder
}

export interface QueueManagerOptions extends ClusterOptions {
  /**
   * `directory` stands for a network file system, which two nodes may have mounted at the same time; an ext4 that two nodes
   * of the laboratory mount is one in their common kernel, and cannot be taken off one of them for certain.
   */
  readonly storage?: 'disk' | 'directory'
}

/** Both nodes know the queue manager, nothing runs. */
export async function configuredQueueManager(test: Teardown, options: QueueManagerOptions = {}): Promise<Cluster> {
  created ??= create()
  const folder = await created
  const cluster = await Cluster.configured(test, { ...options, diskFrom: savedDisk(folder) })
  restoreQueueManager(cluster.lab, folder)
  for (const node of cluster.lab.nodes) {
    node.writeConfig({ haresources: options.storage === 'directory' ? haresourcesOnShared(cluster.lab) : haresourcesOf(cluster.lab) })
    await makeMountPoint(node)
  }
  return cluster
}

/** Both daemons run, the queue manager runs on n1. */
export async function runningQueueManager(test: Teardown, options: QueueManagerOptions = {}): Promise<Cluster> {
  const cluster = await configuredQueueManager(test, options)
  await startBoth(cluster)
  return cluster
}

export async function startBoth(cluster: Cluster): Promise<void> {
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.settled(patienceMs)
}

/** Once a boot: it lies below /run. */
export async function makeMountPoint(node: LabNode): Promise<void> {
  await node.run(['mkdir', '-p', mountPoint])
}

/** The node is switched on again and its daemon started. */
export async function returns(cluster: Cluster, node: LabNode): Promise<void> {
  await node.boot()
  await makeMountPoint(node)
  await cluster.start(node)
}

export const runs = (cluster: Cluster, node: LabNode): Promise<void> => cluster.runs(node, group, patienceMs)

/** A client that puts `message 0`, `message 1`, … and has had an answer. */
export async function putting(test: Teardown, cluster: Cluster): Promise<Putter> {
  const putter = Putter.start(cluster.lab, mqServer, loadQueue)
  test.teardown(() => putter.kill())
  await cluster.lab.waitFor('the client puts', () => putter.count > 0, patienceMs)
  return putter
}

/** Takes every message off a queue, on the node that runs the queue manager; their texts in order. */
export async function takeAll(node: LabNode, queue: string): Promise<readonly string[]> {
  await using connection = await connect({ address: socketOf(node) })
  await using handle = await connection.openQueue(queue, { input: 'shared' })
  const texts: string[] = []
  for (;;) {
    const message = await handle.get()
    if (message === null) return texts
    texts.push(message.text)
  }
}

/** Ends the client that puts and looks whether exactly what it was promised is there, in its order. */
export async function everyPutIsThere(test: Test, node: LabNode, putter: Putter): Promise<void> {
  const count = await putter.stop()
  const texts = await takeAll(node, loadQueue)
  const wrong = texts.findIndex((text, index) => text !== `message ${index}`)
  test.comment(`${count} puts were answered, ${texts.length} messages are there`)
  test.strictSame({ wrong: wrong === -1 ? null : [wrong, texts[wrong]], found: texts.length }, { wrong: null, found: count }, 'nothing acknowledged is lost, doubled or out of order')
}

/** The queue manager's process on the node, which must be there. */
export function processId(node: LabNode): number {
  const pid = processOn(node)
  if (pid === null) throw new Error(`no queue manager runs on ${node.name}`)
  return pid
}
