/**
 * The service of the demonstration: a web server that shows a notebook kept on the shared disk and notes in it, durably,
 * each time it is opened. Arguments: address, port, the notebook's file, a file to write when it is ready.
 */

import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'

const [, , address = '', port = '', notebook = '', ready = ''] = process.argv
const name = os.hostname()

const file = fs.openSync(notebook, 'a+')
fs.writeSync(file, `opened by ${name}\n`)
fs.fsyncSync(file)

const server = http.createServer((_request, response) => {
  response.setHeader('connection', 'close')
  response.end(`${name} shows the notebook:\n${fs.readFileSync(notebook, 'utf8')}`)
})
server.listen(Number(port), address, () => fs.writeFileSync(ready, ''))
process.on('SIGTERM', () => process.exit(0))
