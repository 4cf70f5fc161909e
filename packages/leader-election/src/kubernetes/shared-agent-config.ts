import { KubeConfig, type RequestContext } from '@kubernetes/client-node'

type Agent = ReturnType<RequestContext['getDispatcher']>

/**
 * A KubeConfig whose requests share their connections. The client makes an agent, and with it a TLS connection, for every
 * single request.
 */
export class SharedAgentConfig extends KubeConfig {
  #agent: Agent

  override async applySecurityAuthentication (context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context)
    this.#agent ??= context.getDispatcher()
    if (this.#agent !== undefined) context.setDispatcher(this.#agent)
  }

  /** Closes all connections, with the requests on them. The next request opens a new one. */
  async disconnect (): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    await agent?.destroy()
  }
}
