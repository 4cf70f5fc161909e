import { broken, faultWindows, unchecked, type FaultEntry, type FaultWindow, type Run, type SampleEntry, type Verdict } from '../checker/index.ts'
import { summarise } from './summary.ts'
import { resultText } from './verdict-table.ts'

const WIDTH = 1_200
const LEFT = 90
const CHART_HEIGHT = 150
const LANE_HEIGHT = 16
const GAP = 34
const COLOURS = ['#2563eb', '#16a34a', '#d97706', '#9333ea', '#db2777', '#0891b2', '#65a30d', '#dc2626']

interface Series {
  name: string
  colour: string
  /** undefined: nothing was measured. */
  values: Array<{ t: number, value: number | undefined }>
}

/** A page without external resources: figures, verdicts and a timeline. */
export function renderReport (run: Run, verdicts: readonly Verdict[]): string {
  const entries = [...run.entries]
  const samples = entries.filter((entry): entry is SampleEntry => entry.kind === 'sample')
  const faults = faultWindows(entries.filter((entry): entry is FaultEntry => entry.kind === 'fault'))
  const { description } = run
  const end = Math.max(description.durationMs, samples.at(-1)?.t ?? 0, 1)
  const open = unchecked(verdicts)
  const good = broken(verdicts).length === 0
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Run with seed ${description.seed}</title>
<style>
  body { font: 14px/1.45 system-ui, sans-serif; margin: 24px auto; max-width: ${WIDTH + 40}px; color: #1f2937; background: #fff; padding: 0 16px }
  h1 { font-size: 20px } h2 { font-size: 15px; margin: 28px 0 8px }
  table { border-collapse: collapse } td, th { padding: 3px 12px 3px 0; text-align: left; vertical-align: top }
  .holds { color: #15803d } .broken { color: #b91c1c; font-weight: 600 } pre { margin: 4px 0; white-space: pre-wrap; word-break: break-all }
  svg { width: 100%; height: auto } text { font: 11px system-ui, sans-serif; fill: #4b5563 }
</style>
<h1>Seed ${description.seed}: <span class="${good ? 'holds' : 'broken'}">${good ? 'every invariant holds' : 'NOT as promised'}${open.length === 0 || !good ? '' : `, but for those that nothing was checked of: ${open.join(', ')}`}</span></h1>
<p>${escape(description.startedAt)}, ${Math.round(description.durationMs / 1_000)} s, delivery ${description.delivery}</p>
<table>${Object.entries(summarise(run, verdicts)).map(([name, value]) => `<tr><th>${words(name)}</th><td>${value ?? '-'}</td></tr>`).join('')}</table>
<h2>What happened when</h2>
${timeline(samples, faults, end)}
<h2>Verdicts</h2>
<table>${verdicts.map(verdictRow).join('')}</table>
<h2>Faults</h2>
<table><tr><th>from</th><th>to</th><th></th><th>target</th><th>takes away</th></tr>${faults.map((fault) =>
  `<tr><td>${clock(fault.from)}</td><td>${fault.to === Infinity ? 'never' : clock(fault.to)}</td><td>${fault.f}</td><td>${escape(fault.target)}</td><td>${fault.affects.join(', ')}</td></tr>`).join('')}</table>
</html>
`
}

function verdictRow (verdict: Verdict): string {
  const { invariant, title, result, examples } = verdict
  return `<tr><th>${invariant}</th><td>${escape(title)}${examples.map((example) => `<pre>${escape(JSON.stringify(example, null, 1))}</pre>`).join('')}</td><td class="${result === 'holds' ? 'holds' : 'broken'}">${escape(resultText(verdict))}</td></tr>`
}

function timeline (samples: readonly SampleEntry[], faults: readonly FaultWindow[], end: number): string {
  const x = (t: number) => LEFT + (Math.min(t, end) / end) * (WIDTH - LEFT)
  const lanes = faultLanes(faults)
  const processes = [...new Set(samples.flatMap(({ leaders }) => Object.values(leaders)))].sort()
  const shards = [...new Set(samples.flatMap(({ leaders }) => Object.keys(leaders)))].sort((a, b) => Number(a) - Number(b))
  let y = GAP
  const parts: string[] = []
  const shade = (height: number) => faults.map(({ from, to }) => `<rect x="${x(from)}" y="${y}" width="${Math.max(1, x(to) - x(from))}" height="${height}" fill="#fee2e2" opacity="0.5"/>`).join('')
  const chart = (title: string, series: Series[]) => {
    parts.push(shade(CHART_HEIGHT), lineChart(title, series, x, y))
    y += CHART_HEIGHT + GAP
  }
  chart('events per second', [
    { name: 'accepted', colour: '#6b7280', values: rates(samples, 'accepted') },
    { name: 'published', colour: '#2563eb', values: rates(samples, 'published') },
    { name: 'applied', colour: '#16a34a', values: rates(samples, 'applied') }
  ])
  chart('backlog, events', [{ name: 'in the outbox', colour: '#d97706', values: samples.map(({ t, backlog }) => ({ t, value: backlog })) }])
  const memory = [...new Set(samples.flatMap(({ rssBytes }) => Object.keys(rssBytes)))].sort()
  chart('memory, MB', memory.map((name, index) => ({
    name, colour: COLOURS[index % COLOURS.length] ?? '#000', values: samples.map(({ t, rssBytes }) => ({ t, value: rssBytes[name] === undefined ? undefined : rssBytes[name] / 1e6 }))
  })))

  parts.push(`<text x="0" y="${y - 6}">leader</text>`)
  for (const shard of shards) {
    parts.push(`<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">shard ${escape(shard)}</text>`)
    for (const [index, { t, leaders }] of samples.entries()) {
      const leader = leaders[shard]
      if (leader === undefined) continue
      const next = samples[index + 1]?.t ?? end
      parts.push(`<rect x="${x(t)}" y="${y}" width="${x(next) - x(t)}" height="${LANE_HEIGHT - 2}" fill="${COLOURS[processes.indexOf(leader) % COLOURS.length]}"><title>${escape(leader)}, ${clock(t)}</title></rect>`)
    }
    y += LANE_HEIGHT
  }
  parts.push(...processes.map((process, index) => `<rect x="${LEFT + index * 90}" y="${y + 4}" width="10" height="10" fill="${COLOURS[index % COLOURS.length]}"/><text x="${LEFT + index * 90 + 14}" y="${y + 13}">${escape(process)}</text>`))
  y += GAP + 16

  parts.push(`<text x="0" y="${y - 6}">faults</text>`)
  for (const lane of lanes) {
    for (const fault of lane) {
      parts.push(`<rect x="${x(fault.from)}" y="${y}" width="${Math.max(2, x(fault.to) - x(fault.from))}" height="${LANE_HEIGHT - 2}" fill="#dc2626" opacity="0.75"><title>${fault.f} ${escape(fault.target)}, ${clock(fault.from)}</title></rect><text x="${x(fault.from) + 2}" y="${y + 11}" style="fill:#fff;pointer-events:none;font-size:9px">${fault.f}</text>`)
    }
    y += LANE_HEIGHT
  }
  parts.push(timeAxis(x, y, end))
  return `<svg viewBox="0 0 ${WIDTH} ${y + 20}" role="img" aria-label="timeline">${parts.join('')}</svg>`
}

/** Faults that overlap go into lanes of their own. */
function faultLanes (faults: readonly FaultWindow[]): FaultWindow[][] {
  const lanes: FaultWindow[][] = []
  for (const fault of [...faults].sort((a, b) => a.from - b.from)) {
    const lane = lanes.find((lane) => (lane.at(-1)?.to ?? 0) < fault.from)
    if (lane === undefined) lanes.push([fault])
    else lane.push(fault)
  }
  return lanes
}

function rates (samples: readonly SampleEntry[], key: 'accepted' | 'published' | 'applied'): Series['values'] {
  return samples.slice(1).map((sample, index) => {
    const before = samples[index]
    const seconds = (sample.t - (before?.t ?? 0)) / 1_000
    return { t: sample.t, value: seconds <= 0 ? 0 : Math.max(0, sample[key] - (before?.[key] ?? 0)) / seconds }
  })
}

function lineChart (title: string, series: readonly Series[], x: (t: number) => number, top: number): string {
  const highest = Math.max(1, ...series.flatMap(({ values }) => values.map(({ value }) => value ?? 0)))
  const y = (value: number) => top + CHART_HEIGHT - (value / highest) * CHART_HEIGHT
  const lines = series.map(({ name, colour, values }) => {
    let pen = false
    const path = values.map(({ t, value }) => {
      if (value === undefined) {
        pen = false
        return ''
      }
      const command = `${pen ? 'L' : 'M'}${x(t).toFixed(1)},${y(value).toFixed(1)}`
      pen = true
      return command
    }).join('')
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.3"><title>${escape(name)}</title></path>`
  })
  const legend = series.map(({ name, colour }, index) => `<rect x="${LEFT + 160 + index * 140}" y="${top - 14}" width="10" height="3" fill="${colour}"/><text x="${LEFT + 174 + index * 140}" y="${top - 9}">${escape(name)}</text>`)
  return `<text x="0" y="${top - 9}">${escape(title)}</text><text x="${LEFT - 8}" y="${top + 9}" text-anchor="end">${Math.round(highest)}</text><text x="${LEFT - 8}" y="${top + CHART_HEIGHT}" text-anchor="end">0</text><line x1="${LEFT}" x2="${WIDTH}" y1="${top + CHART_HEIGHT}" y2="${top + CHART_HEIGHT}" stroke="#d1d5db"/>${legend.join('')}${lines.join('')}`
}

function timeAxis (x: (t: number) => number, y: number, end: number): string {
  const steps = 10
  return Array.from({ length: steps + 1 }, (_, index) => end * index / steps)
    .map((t) => `<text x="${x(t)}" y="${y + 14}" text-anchor="${t === end ? 'end' : 'middle'}">${clock(t)}</text>`).join('')
}

function clock (ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`
}

function words (name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function escape (text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
