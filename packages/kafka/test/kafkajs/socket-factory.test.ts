import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { socketFactory } from '../../src/kafkajs/socket-factory.ts'

t.test('a closed connection that is closed again and again collects no listeners', async (t) => {
  const server = createServer((socket) => { socket.on('error', () => {}) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  const { promise: connected, resolve: onConnect } = Promise.withResolvers<void>()
  const socket = socketFactory({ host: '127.0.0.1', port, ssl: undefined as never, onConnect })
  await connected
  socket.destroy()
  await once(socket, 'close')
  // As kafkajs does at each attempt to reconnect.
  for (let attempt = 0; attempt < 20; attempt++) {
    socket.end()
    socket.unref()
  }
  t.equal(socket.listenerCount('connect'), 0)
})
