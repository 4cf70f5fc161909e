import { isClean, type ByOthers, type Reconciliation } from '@orders/testing/checker/observation/reconcile'
import type { DemoSystem } from './system.ts'
import type { Takeover } from '@orders/testing/faults/publishing-gaps'

/** The addresses of all parts. */
export function addresses (system: DemoSystem): string {
  const { api, relays, consumer, databases, external } = system
  const fate = (isExternal: boolean) => isExternal ? '  (removed from this existing server afterwards)' : ''
  const metrics = [api, ...relays, consumer].map((service) => `${service.ops}/metrics  (${service.name})`)
  return `
  API          ${api.http}/orders
  docs         ${api.http}/docs
  read model   ${consumer.http}/stats, ${consumer.http}/orders/:id, ${consumer.http}/customers/:id/orders
  Postgres     ${databaseUrl(databases.ordersUrl, external.postgres)}
               ${databaseUrl(databases.viewsUrl, external.postgres)}${fate(external.postgres)}
  Kafka        ${system.brokers}, topic ${system.topic}, group ${system.group}${fate(external.kafka)}
  metrics      ${metrics.join('\n               ')}
`
}

/** The password of our own server is shown, so that its data can be looked at. That of an existing server is hidden. */
function databaseUrl (url: string, isExternal: boolean): string {
  return isExternal ? Object.assign(new URL(url), { password: '' }).href : url
}

export function reconciliationText (result: Reconciliation): string {
  return `
  ${result.ordersAccepted} orders accepted, ${result.eventsExpected} events expected, ${result.eventsInTopic} in the topic, ${result.effects} took effect
  lost ${result.lost}, duplicates in the topic ${result.duplicatesInTopic}, out of order ${result.outOfOrder}, unexpected ${result.unexpected}, wrong effects ${result.wrongEffects}, unanswered requests ${result.unanswered}
${othersText(result.byOthers)}${result.findings.map((finding) => `  ${finding}\n`).join('')}  ${isClean(result) ? 'every accepted event took effect exactly once, in order' : 'NOT as promised'}
`
}

/** Empty when everything came from the load. */
function othersText ({ orders, changes, events, records, displaced }: ByOthers): string {
  const parts = [
    [orders, 'order', 'placed by others'],
    [changes, 'change', 'of the demo\'s orders by others'],
    [events, 'event', 'of no order, inserted into the outbox by others'],
    [records, 'record', 'written to the topic by others'],
    [displaced, 'event', 'without effect, since others had written a later version']
  ] as const
  const found = parts.filter(([count]) => count > 0).map(([count, what, how]) => `${count} ${what}${count === 1 ? '' : 's'} ${how}`)
  return found.length === 0 ? '' : `  not of this demo's load: ${found.join(', ')}\n`
}

export function takeoversText (takeovers: readonly Takeover[]): string {
  if (takeovers.length === 0) return ''
  const gaps = takeovers.map(({ gapMs }) => gapMs).sort((a, b) => a - b)
  const list = takeovers.map(({ signal, gapMs }) => `${signal} ${gapMs} ms`).join(', ')
  return `  publishing paused after each kill for: ${list}\n  median ${gaps[gaps.length >> 1]} ms, longest ${gaps.at(-1)} ms\n`
}
