import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { TcpProxy, until } from '../index.ts'
import t, { type Test } from 'tap'

/** A server that sends back what it gets, behind a proxy. */
async function startEcho (t: Test): Promise<{ proxy: TcpProxy, received: () => string }> {
  let received = ''
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => { received += chunk.toString(); socket.write(chunk) })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const proxy = await TcpProxy.start(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(async () => {
    await proxy.close()
    server.close()
  })
  return { proxy, received: () => received }
}

class Client {
  received = ''
  closed = false
  readonly #socket: Socket

  constructor (t: Test, { address }: TcpProxy) {
    const [host, port] = address.split(':')
    this.#socket = connect(Number(port), host)
    this.#socket.on('data', (chunk) => { this.received += chunk.toString() })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => { this.closed = true })
    t.teardown(() => this.#socket.destroy())
  }

  send (text: string): void {
    this.#socket.write(text)
  }

  async untilReceived (text: string): Promise<void> {
    await until(() => this.received === text, { what: `${JSON.stringify(text)} to come back` })
  }

  async untilClosed (): Promise<void> {
    await until(() => this.closed, { what: 'the connection to be closed' })
  }
}

t.test('a proxy forwards; after cut it closes all connections, also new ones, until it is healed', async (t) => {
  const { proxy } = await startEcho(t)
  const before = new Client(t, proxy)
  before.send('a')
  await before.untilReceived('a')
  proxy.cut()
  await before.untilClosed()
  await new Client(t, proxy).untilClosed()
  proxy.heal()
  const after = new Client(t, proxy)
  after.send('b')
  await after.untilReceived('b')
})

t.test('after hang all packets are lost without a disconnect; heal closes the connections that hung', async (t) => {
  const { proxy, received } = await startEcho(t)
  const [client, control] = [new Client(t, proxy), await startEcho(t)]
  client.send('a')
  await client.untilReceived('a')
  proxy.hang()
  client.send('b')
  // A round trip elsewhere, begun later: by its end, a chunk that is not lost has arrived.
  const other = new Client(t, control.proxy)
  other.send('x')
  await other.untilReceived('x')
  t.same([client.received, received(), client.closed], ['a', 'a', false])
  proxy.heal()
  await client.untilClosed()
  const after = new Client(t, proxy)
  after.send('c')
  await after.untilReceived('c')
})

t.test('a filter swallows single chunks of one direction', async (t) => {
  const { proxy, received } = await startEcho(t)
  const client = new Client(t, proxy)
  let answers = 0
  proxy.filter((_, direction) => direction === 'toClient' && answers++ === 0 ? 'swallow' : 'forward')
  client.send('lost answer ')
  await until(() => received() === 'lost answer ' && answers === 1, { what: 'the request to arrive' })
  client.send('b')
  await client.untilReceived('b')
  t.equal(received(), 'lost answer b')
})

t.test('a delay keeps the order of the chunks, also when it ends', async (t) => {
  const { proxy } = await startEcho(t)
  const client = new Client(t, proxy)
  proxy.delay(300)
  const sentAt = performance.now()
  client.send('slow ')
  await until(() => client.received !== '' || performance.now() - sentAt > 50, { what: 'some time to pass' })
  proxy.heal()
  client.send('quick')
  await client.untilReceived('slow quick')
  t.ok(performance.now() - sentAt >= 300)
})

t.test('until returns the result of the probe; its error says what it waited for and the last result', async (t) => {
  let asked = 0
  t.equal(await until(() => { if (++asked < 3) throw new Error('not yet'); return asked }, { what: 'the third time' }), 3)
  t.equal(await until(() => 0, { what: 'a number' }), 0, '0 is something')
  await t.rejects(until(() => { throw new Error('no luck') }, { what: 'luck', deadlineMs: 5 }), { message: 'expected luck within 5 ms, found no luck' })
  await t.rejects(until(() => false as const, { what: 'luck', deadlineMs: 5 }), { message: 'expected luck within 5 ms, found false' })
})
