import { until, type ServiceProcess, type TcpProxy } from '@orders/testing/framework'
import { catchOnce, type RequestKind } from './requests.ts'

/** A relay, or another program of it, as a process with a proxy of its own between it and Postgres. */
export interface ProxiedRelay {
  name: string
  service: ServiceProcess
  postgres: TcpProxy
}

/** A moment in the work of a relay. */
export interface Moment {
  /** For the name of the test. */
  when: string
  /** The connection on which the request is seen. */
  link: 'kafka' | 'postgres'
  request: (relay: string) => RequestKind
  /**
   * At the answer; or at the request, which arrives after the relay goes on, or never. Cut off (from Postgres only): it never arrives,
   * and the server does not see the connection end either.
   */
  at: 'answer' | 'request' | 'lost request' | 'cut off'
}

export interface Interruption {
  relay: ProxiedRelay
  /** The proxy of the broker. */
  kafka: Pick<TcpProxy, 'filter'>
  signal: 'SIGSTOP' | 'SIGKILL'
  /** Called again and again until the moment has come. */
  meanwhile: () => Promise<unknown>
}

/**
 * Sends the signal to a relay at that moment.
 *
 * @returns a function that lets the relay go on, and lets the request arrive
 */
export async function interrupt ({ when, link, request, at }: Moment, { relay, kafka, signal, meanwhile }: Interruption): Promise<() => void> {
  const arrival = Promise.withResolvers<'forward'>()
  let interrupted = false
  const proxy = link === 'kafka' ? kafka : relay.postgres
  proxy.filter(catchOnce(request(relay.name), at === 'answer' ? 'answer' : 'request', () => {
    relay.service.kill(signal)
    interrupted = true
    if (at === 'cut off') relay.postgres.hang()
    if (at === 'cut off' || at === 'lost request') return 'swallow'
    return at === 'answer' ? 'forward' : arrival.promise
  }))
  await until(async () => {
    await meanwhile()
    return interrupted
  }, { what: `${relay.name} interrupted ${when}` })
  return () => {
    arrival.resolve('forward')
    relay.service.kill('SIGCONT')
  }
}
