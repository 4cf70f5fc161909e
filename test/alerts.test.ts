import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loadYaml } from '@kubernetes/client-node'
import t from 'tap'

interface Rule {
  alert: string
  expr: string
  for?: string
  labels: { severity: string }
  annotations: { summary: string, description: string, runbook_url: string }
}

const ROOT = new URL('../', import.meta.url)
const RULES_FILE = 'deploy/helm/files/alerts.yaml'
const run = promisify(execFile)

const read = (path: string) => readFile(new URL(path, ROOT), 'utf8')
const { groups: [group] } = loadYaml<{ groups: Array<{ rules: Rule[] }> }>(await read(RULES_FILE))
const rules = group?.rules ?? []
const names = rules.map(({ alert }) => alert)

t.test('each alert has its runbook, and each runbook its alert', async (t) => {
  t.ok(names.length > 10)
  t.equal(new Set(names).size, names.length, 'no name twice')
  const pages = (await readdir(new URL('docs/runbooks/', ROOT))).sort()
  t.same(pages, names.map((name) => `${name}.md`).sort())
  for (const name of names) {
    const page = await read(`docs/runbooks/${name}.md`)
    t.same([...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading), [name, 'What it means', 'How to look', 'What to do'], name)
  }
  for (const { alert, annotations } of rules) t.equal(annotations.runbook_url, `docs/runbooks/${alert}.md`)
})

t.test('docs/operations.md lists the alerts as they are', async (t) => {
  const rows = [...(await read('docs/operations.md')).matchAll(/^\| \[(\w+)\]\(runbooks\/(\w+)\.md\) \| ([^|]+) \| (\w+) \|$/gm)]
  t.same(rows.map(([, name, page, wait, severity]) => [name, page, wait, severity]),
    rules.map((rule) => [rule.alert, rule.alert, rule.for ?? 'at once', rule.labels.severity]))
})

/** Metric names from the constructors in the sources, with the series that the Prometheus client derives from a histogram. */
async function declaredMetrics (): Promise<Set<string>> {
  const found = new Set(['process_resident_memory_bytes'])
  for (const folder of ['services/order-api/src', 'services/outbox-relay/src', 'services/order-consumer/src', 'packages/service-kit/src']) {
    for (const file of await readdir(new URL(folder, ROOT), { recursive: true })) {
      if (!file.endsWith('.ts')) continue
      for (const [, type, name = ''] of (await read(`${folder}/${file}`)).matchAll(/new (Counter|Gauge|Histogram)\(\{\s*name: '([a-z_]+)'/g)) {
        found.add(name)
        if (type === 'Histogram') for (const suffix of ['bucket', 'count', 'sum']) found.add(`${name}_${suffix}`)
      }
    }
  }
  return found
}

t.test('docs/operations.md lists every metric of the sources, and no other', async (t) => {
  const declared = [...await declaredMetrics()].filter((name) => name !== 'process_resident_memory_bytes')
  const named = declared.filter((name) => !declared.some((other) => ['_bucket', '_count', '_sum'].some((suffix) => name === `${other}${suffix}`)))
  const [, table = ''] = /^## Metrics$([^]*?)^## /m.exec(await read('docs/operations.md')) ?? []
  const listed = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([a-z_]+)(?:\{[a-z,]+\})?`/g)].map(([, name = '']) => name))
  t.equal(new Set(listed).size, listed.length, 'each once')
  t.same(listed.sort(), named.sort())
})

/** A name that has labels or a range behind it, or stands alone where a series is expected. */
function metricsIn (expression: string): string[] {
  return [...expression.matchAll(/\b([a-z]+(?:_[a-z]+)+)(?=\{|\[)/g)].map(([, name = '']) => name)
}

t.test('every metric that an alert or the dashboard asks for exists', async (t) => {
  const declared = await declaredMetrics()
  t.ok(declared.size > 30, `${declared.size} metrics are declared`)
  const dashboard = JSON.parse(await read('deploy/helm/files/dashboard.json')) as { panels: Array<{ title: string, targets?: Array<{ expr: string }> }> }
  const queries = [
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [`dashboard: ${title}`, expr] as const))
  ]
  for (const [where, expression] of queries) {
    const asked = metricsIn(expression)
    t.ok(asked.length > 0, `${where} asks for a metric`)
    t.same(asked.filter((name) => !declared.has(name)), [], where)
  }
})

t.test('the chart renders namespace, release, threshold and address into every rule', async (t) => {
  const template = await read('deploy/helm/templates/monitoring/prometheusrule.yaml')
  const text = await read(RULES_FILE)
  const selector = 'namespace="orders",pod=~"orders-.*"'
  t.ok(template.includes(selector.replaceAll('"', '\\"')), 'the template replaces this selector')
  for (const { alert, expr } of rules) {
    const series = metricsIn(expr).length
    t.equal(expr.split(selector).length - 1, series, `${alert}: each series is of this release`)
  }
  t.equal(text.split('}) > 30').length, 2, 'the threshold stands once')
})

const promtool = await run('promtool', ['--version']).then(() => true, () => false)

t.test('promtool: the rules are well formed, and fire when they should', { skip: promtool ? false : 'promtool (of Prometheus) is not on the PATH' }, async (t) => {
  const path = (name: string) => fileURLToPath(new URL(name, ROOT))
  t.match((await run('promtool', ['check', 'rules', path(RULES_FILE)])).stdout, /SUCCESS/)
  t.match((await run('promtool', ['test', 'rules', path('test/alerts.promtool.yaml')])).stdout, /SUCCESS/)
})
