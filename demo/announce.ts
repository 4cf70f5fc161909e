import { isClean, type ByOthers, type Verdict } from '@orders/testing/checker/observation/verdict'
import type { Stage } from './stage.ts'
import type { TakeOver } from './take-overs.ts'

/** Where everything is. */
export function addresses (stage: Stage): string {
  const { api, relays, consumer, databases, external } = stage
  const fate = (isExternal: boolean) => isExternal ? '  (removed from this existing server afterwards)' : ''
  const metrics = [api, ...relays, consumer].map((service) => `${service.ops}/metrics  (${service.name})`)
  return `
  API          ${api.http}/orders
  docs         ${api.http}/docs
  read model   ${consumer.http}/stats, ${consumer.http}/orders/:id, ${consumer.http}/customers/:id/orders
  Postgres     ${databaseUrl(databases.ordersUrl, external.postgres)}
               ${databaseUrl(databases.viewsUrl, external.postgres)}${fate(external.postgres)}
  Kafka        ${stage.brokers}, topic ${stage.topic}, group ${stage.group}${fate(external.kafka)}
  metrics      ${metrics.join('\n               ')}
`
}

/** The password of our own server is good for nothing else, and lets people look in; that of somebody's server is theirs. */
function databaseUrl (url: string, isExternal: boolean): string {
  return isExternal ? Object.assign(new URL(url), { password: '' }).href : url
}

export function verdictText (verdict: Verdict): string {
  return `
  ${verdict.ordersAccepted} orders accepted, ${verdict.eventsExpected} events expected, ${verdict.eventsInTopic} in the topic, ${verdict.effects} took effect
  lost ${verdict.lost}, duplicates in the topic ${verdict.duplicatesInTopic}, out of order ${verdict.outOfOrder}, unexpected ${verdict.unexpected}, wrong effects ${verdict.wrongEffects}, unanswered requests ${verdict.unanswered}
${othersText(verdict.byOthers)}${verdict.findings.map((finding) => `  ${finding}\n`).join('')}  ${isClean(verdict) ? 'every accepted event took effect exactly once, in order' : 'NOT as promised'}
`
}

/** Nothing where nobody else was there. */
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

export function takeOversText (takeovers: readonly TakeOver[]): string {
  if (takeovers.length === 0) return ''
  const gaps = takeovers.map(({ gapMs }) => gapMs).sort((a, b) => a - b)
  const list = takeovers.map(({ signal, gapMs }) => `${signal} ${gapMs} ms`).join(', ')
  return `  publishing paused after each kill for: ${list}\n  median ${gaps[gaps.length >> 1]} ms, longest ${gaps.at(-1)} ms\n`
}
