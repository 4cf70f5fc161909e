import { until, type TcpProxy } from '@orders/testing/framework'
import { catchOnce, type RequestKind } from './requests.ts'
import type { Relay } from './stage.ts'

/** A moment in the work of a relay. */
export interface Moment {
  /** For the name of the test. */
  when: string
  /** Which of its links shows it. */
  link: 'kafka' | 'postgres'
  request: (relay: string) => RequestKind
  /** When the answer has come; or when the request is on its way, and then it arrives after the relay goes on. */
  at: 'answer' | 'request'
}

export interface Interruption {
  relay: Relay
  /** That of the broker. */
  kafka: TcpProxy
  signal: 'SIGSTOP' | 'SIGKILL'
  /** Done again and again until the moment has come. */
  meanwhile: () => Promise<unknown>
}

/**
 * Sends the signal to a relay at that moment.
 *
 * @returns what lets it go on, and what it sent arrive
 */
export async function interrupt ({ when, link, request, at }: Moment, { relay, kafka, signal, meanwhile }: Interruption): Promise<() => void> {
  const arrival = Promise.withResolvers<'forward'>()
  let interrupted = false
  const proxy = link === 'kafka' ? kafka : relay.postgres
  proxy.filter(catchOnce(request(relay.name), at, () => {
    relay.service.kill(signal)
    interrupted = true
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
