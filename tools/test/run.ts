// `npm test`: lint, types and every test, against one Postgres, one Kafka and one API server of this run's own.
// Arguments are for tap (files, or options such as --grep): then only those tests run. The last line is the count.
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { helmProgram, runCommand, startLocalStack, type LocalStack, type LocalStackOptions } from '@orders/testing/servers'
import { summary } from './summary.ts'
import { inTwoParts, testFiles } from './test-files.ts'
import { TapReading, type Failure } from './tap-reading.ts'

const REPORT = '.tap/report.tap'
const FIRST_LINES = 30
/** The exit code of a shell for SIGINT. */
const INTERRUPTED = 130

const tapArguments = process.argv.slice(2)
const failures: Failure[] = []
const reading = new TapReading(({ name, ok, tests, seconds }) => {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${tests} tests, ${seconds.toFixed(1)} s)`)
})
const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { interruption.abort() })

function fail (title: string, details: readonly string[] = []): void {
  if (!interruption.signal.aborted) failures.push({ title, details })
}

async function check (title: string, command: string, args: string[]): Promise<void> {
  const lines: string[] = []
  await runCommand(command, args, { signal: interruption.signal, onLine: (line) => { lines.push(line) } }).then(
    () => { console.log(`ok     ${title}`) },
    () => {
      console.log([`FAILED ${title}`, ...lines].join('\n'))
      fail(title, lines.length > FIRST_LINES ? [...lines.slice(0, FIRST_LINES), `… and ${lines.length - FIRST_LINES} lines more`] : lines)
    })
}

async function checkTypes (): Promise<void> {
  await check('types', 'tsc', ['-b'])
  await check('types of the tests', 'tsc', ['-p', 'tsconfig.tests.json'])
}

async function startServers (what: LocalStackOptions): Promise<LocalStack | undefined> {
  const starting = startLocalStack({ ...what, progress: (line) => { console.log(line) } })
  try {
    // A build may take minutes; it ends with this process.
    return await Promise.race([starting, aborted()])
  } catch (error) {
    fail('servers', (error as Error).message.split('\n'))
    return undefined
  }
}

/** Before the tests: helm may have to be built, which takes longer than the timeout of a test. */
async function prepareHelm (): Promise<void> {
  try {
    const program = await Promise.race([helmProgram((line) => { console.log(line) }), aborted()])
    if (program !== undefined) console.log(`helm: ${program}`)
  } catch (error) {
    fail('helm', (error as Error).message.split('\n'))
  }
}

async function aborted (): Promise<undefined> {
  if (!interruption.signal.aborted) await new Promise((resolve) => { interruption.signal.addEventListener('abort', resolve) })
  return undefined
}

/** @param args files, or options of tap */
async function runTests (args: readonly string[], servers: NodeJS.ProcessEnv): Promise<void> {
  await runCommand('tap', ['run', '--reporter=tap', ...args], {
    env: { ...process.env, ...servers },
    signal: interruption.signal,
    onLine (line, stream) {
      report.write(`${line}\n`)
      if (stream === 'stdout') reading.read(line)
      else reading.readError(line)
    }
  }).catch(() => { if (reading.failures.length === 0) fail('tap', ['it ended with an error, and with no failed test']) })
}

await mkdir('.tap', { recursive: true })
const report = createWriteStream(REPORT)
const isWhole = tapArguments.length === 0
const parts = isWhole ? inTwoParts(testFiles()) : { first: [], withKubernetes: tapArguments }
const { TEST_WITHOUT_KUBERNETES: without, KUBEBUILDER_ASSETS: assets } = process.env

if (without !== 'true') console.log(assets === undefined || assets === '' ? 'kube-apiserver and etcd: built once, unless KUBEBUILDER_ASSETS names a folder that has them' : `kube-apiserver and etcd: those of KUBEBUILDER_ASSETS, ${assets}`)
let isPrepared = false
const preparing = Promise.all([
  without === 'true' ? undefined : startServers({ kubernetes: true }), isWhole && without !== 'true' ? prepareHelm() : undefined
]).finally(() => { isPrepared = true })
const [stack] = await Promise.all([
  startServers({ postgres: true, kafka: true }),
  check('tap', 'tap', ['build']),
  ...isWhole ? [check('lint', 'eslint', ['.', '--max-warnings', '0']), check('imports', 'npm', ['run', '--silent', 'lint:imports']), checkTypes()] : []
])
const servers = { DATABASE_URL: stack?.postgres?.url, KAFKA_BROKERS: stack?.kafka?.brokers }
const goesOn = () => stack !== undefined && !interruption.signal.aborted
// Any other test that needs an API server must not wait for a build until its timeout: it fails at once and names the missing tool.
const NOT_LISTED = '/needed-by-a-test-that-tools/test/test-files.ts-does-not-list'
if (goesOn() && parts.first.length > 0) await runTests(parts.first, { ...servers, KUBEBUILDER_ASSETS: NOT_LISTED, HELM: NOT_LISTED })
if (goesOn() && !isPrepared) console.log('waiting for the API server and helm, which the other tests need')
const [cluster] = await preparing
if (isWhole && without === 'true') console.log(`TEST_WITHOUT_KUBERNETES: ${parts.withKubernetes.length} test files are left out`)
else if (goesOn()) await runTests(parts.withKubernetes, { ...servers, LOCAL_STACK_KUBECONFIG: cluster?.kubernetes?.kubeconfig })
report.end()
if (goesOn() && reading.files.length === 0) fail('tap', ['no test ran'])
await Promise.all([stack?.close(), cluster?.close()])

if (interruption.signal.aborted) failures.push({ title: 'interrupted', details: [] })
if (reading.failures.length > 0) console.log(`\nthe whole report is in ${REPORT}`)
const failed = reading.failed + failures.length
console.log(summary([...reading.failures, ...failures], reading.files, { passed: reading.passed, failed }))
process.exit(interruption.signal.aborted ? INTERRUPTED : failed === 0 ? 0 : 1)
