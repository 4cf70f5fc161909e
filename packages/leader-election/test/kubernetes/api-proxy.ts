import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '@kubernetes/client-node'

export interface ApiRequest {
  method: string
  path: string
  watch: boolean
  body: string
}

/** The answer to a request: the API server's own, perhaps delayed; none; or this one. */
export type Answer = 'forward' | 'hang' | { afterMs: number } | { status: number, message: string }

/** A proxy of a real API server. It gives answers that the server gives only in trouble. */
export class ApiProxy {
  readonly requests: ApiRequest[] = []
  /** The number of connections to it so far. */
  connections = 0
  answer: (request: ApiRequest) => Answer = () => 'forward'
  /** Drops everything on open streams from now on, without closing them. */
  streamsAreDead = false
  readonly #server: Server
  readonly #cluster: Cluster

  private constructor (server: Server, cluster: Cluster) {
    this.#server = server
    this.#cluster = cluster
    server.on('connection', () => { this.connections++ })
    // The client may close the connection during an answer.
    server.on('request', (incoming, response) => { this.#handle(incoming, response).catch(() => { response.destroy() }) })
  }

  static async start (cluster: Cluster): Promise<ApiProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ApiProxy(server, cluster)
  }

  get url (): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close (): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #handle (incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of incoming) body += String(chunk)
    const { method = '', url: path = '' } = incoming
    const asked = { method, path, watch: path.includes('watch=true'), body }
    this.requests.push(asked)
    const answer = this.answer(asked)
    if (answer === 'hang') return
    if (answer !== 'forward' && 'status' in answer) {
      response.writeHead(answer.status, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: answer.message, code: answer.status }))
      return
    }
    if (answer !== 'forward') await delay(answer.afterMs)
    this.#forward(incoming, asked, response)
  }

  #forward (incoming: IncomingMessage, { method, path, body, watch }: ApiRequest, response: ServerResponse): void {
    const dead = () => watch && this.streamsAreDead
    const { host, ...headers } = incoming.headers
    const ca = Buffer.from(this.#cluster.caData ?? '', 'base64')
    const upstream = request(`${this.#cluster.server}${path}`, { method, headers, ca }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('data', (chunk) => { if (!dead()) response.write(chunk) })
      answer.on('end', () => { if (!dead()) response.end() })
      answer.on('error', () => { response.destroy() })
    })
    upstream.on('error', () => { response.destroy() })
    response.on('close', () => { upstream.destroy() })
    upstream.end(body)
  }
}
