import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

type Direction = 'toServer' | 'toClient'

type ChunkAction = 'forward' | 'swallow'

/**
 * Called with every chunk; decides whether it is forwarded or lost. Until a promise resolves, the chunk is held back, and
 * everything behind it on the same link too. `link` is a number for each connection.
 */
export type Filter = (chunk: Buffer, direction: Direction, link: number) => ChunkAction | Promise<ChunkAction>

/**
 * A TCP proxy that breaks links on demand: closed, refused and half-open connections (their packets are lost), delay, and single
 * lost answers.
 */
export class TcpProxy {
  readonly #server: Server
  #target: { host: string, port: number } | undefined
  readonly #sockets = new Set<Socket>()
  #refusing = false
  #hanging = false
  #delayMs = 0
  #filter: Filter = () => 'forward'
  #links = 0

  private constructor (server: Server) {
    this.#server = server
    server.on('connection', (client) => { this.#accept(client) })
  }

  /** @param target `host:port`; can be set later, if the server has to know the proxy's address first */
  static async start (target?: string): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new TcpProxy(server)
    if (target !== undefined) proxy.forwardTo(target)
    return proxy
  }

  /** @param target `host:port` */
  forwardTo (target: string): void {
    const [host = '', port = ''] = target.split(':')
    this.#target = { host, port: Number(port) }
  }

  get address (): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Closes all connections, and each new one at once. */
  cut (): void {
    this.#refusing = true
    for (const socket of this.#sockets) socket.destroy()
  }

  /** All packets are lost from now on, without a disconnect. */
  hang (): void {
    this.#hanging = true
  }

  delay (ms: number): void {
    this.#delayMs = ms
  }

  filter (filter: Filter): void {
    this.#filter = filter
  }

  /** Forwards again. Connections that lost packets are closed: their streams have gaps. */
  heal (): void {
    if (this.#hanging) for (const socket of this.#sockets) socket.destroy()
    this.#refusing = false
    this.#hanging = false
    this.#delayMs = 0
    this.#filter = () => 'forward'
  }

  async close (): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #accept (client: Socket): void {
    if (this.#refusing || this.#target === undefined) {
      client.destroy()
      return
    }
    const server = connect(this.#target)
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        if (!this.#hanging) (socket === client ? server : client).destroy()
      })
    }
    const link = ++this.#links
    this.#forward(client, server, 'toServer', link)
    this.#forward(server, client, 'toClient', link)
  }

  #forward (from: Socket, to: Socket, direction: Direction, link: number): void {
    let last: Promise<void> | undefined
    from.on('data', (chunk: Buffer) => {
      if (this.#hanging) return
      const action = this.#filter(chunk, direction, link)
      if (action === 'swallow') return
      if (action === 'forward' && last === undefined && this.#delayMs === 0) {
        to.write(chunk)
        return
      }
      // After the previous chunk, even if the delay became shorter since.
      const turn = Promise.all([action, last, delay(this.#delayMs)]).then(([action]) => {
        if (action === 'forward' && !this.#hanging) to.write(chunk)
        if (last !== turn) return
        last = undefined
        // The end of the stream must not overtake a chunk that was held back.
        from.resume()
      })
      last = turn
      if (action !== 'forward') from.pause()
    })
  }
}
