import type { Filter, TcpProxy } from './index.ts'

/** All connections of one client to one server, or to all brokers of a cluster. */
export class Link {
  readonly #proxies: readonly TcpProxy[]

  constructor (proxies: readonly TcpProxy[]) {
    this.#proxies = proxies
  }

  /** `host:port`, of several with commas. */
  get address (): string {
    return this.#proxies.map(({ address }) => address).join(',')
  }

  /** Closes all connections, and each new one at once. */
  cut (): void {
    for (const proxy of this.#proxies) proxy.cut()
  }

  /** All packets are lost from now on, without a disconnect. */
  hang (): void {
    for (const proxy of this.#proxies) proxy.hang()
  }

  delay (ms: number): void {
    for (const proxy of this.#proxies) proxy.delay(ms)
  }

  /** @param create a filter for each proxy: they number their connections independently */
  filter (create: () => Filter): void {
    for (const proxy of this.#proxies) proxy.filter(create())
  }

  heal (): void {
    for (const proxy of this.#proxies) proxy.heal()
  }

  async close (): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()))
  }
}
