// `npm test`: lint, types and every test, against one Postgres, one Kafka and one API server of this run's own.
// Arguments are for tap: files, or options such as --grep. The last line counts what passed and what failed.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { startLocalStack } from '@orders/local-stack'

const NODE_ARGS = ['--conditions=@orders/source']
const files = process.argv.slice(2)
const failures: string[] = []

function run (title: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}, onLine = (line: string) => { console.log(line) }): Promise<boolean> {
  console.log(`== ${title}`)
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  createInterface({ input: child.stdout }).on('line', onLine)
  createInterface({ input: child.stderr }).on('line', (line) => { console.error(line) })
  return new Promise((resolve) => {
    child.once('error', (error) => { console.error(String(error)); resolve(false) })
    child.once('close', (code) => { resolve(code === 0) })
  })
}

async function check (title: string, command: string, args: string[]): Promise<void> {
  if (!await run(title, command, args)) failures.push(title)
}

/** Counts the test files and the tests in them from tap's own report. */
class Count {
  passed = 0
  failed = 0

  read (line: string): void {
    const [, not] = /^ {4}(not )?ok \d+/.exec(line) ?? [undefined, undefined]
    if (/^ {4}(not )?ok \d+/.test(line)) not === undefined ? this.passed++ : this.failed++
    if (/^not ok \d+/.test(line)) failures.push(line.replace(/ # time=.*/, ''))
  }
}

const count = new Count()
await check('lint', 'eslint', ['.', '--max-warnings', '0'])
await check('types', 'tsc', ['-b'])
await check('types of the tests', 'tsc', ['-p', 'tsconfig.tests.json'])
await check('tap build', 'tap', ['build'])

console.log('== servers')
const stack = await startLocalStack({
  postgres: true, kafka: true, kubernetes: process.env.TEST_WITHOUT_KUBERNETES !== 'true', progress: (line) => { console.log(line) }
})
process.once('SIGINT', () => { void stack.close().then(() => process.exit(130)) })
try {
  const passed = await run('tests', 'tap', ['run', '--reporter=tap', ...NODE_ARGS.map((arg) => `--node-arg=${arg}`).slice(1), ...files], {
    DATABASE_URL: stack.postgres?.url,
    KAFKA_BROKERS: stack.kafka?.brokers,
    LOCAL_STACK_KUBECONFIG: stack.kubernetes?.kubeconfig
  }, (line) => {
    count.read(line)
    console.log(line)
  })
  if (!passed && failures.length === 0) failures.push('tap')
} finally {
  await stack.close()
}

for (const failure of failures) console.log(`failed: ${failure}`)
const failed = Math.max(count.failed, failures.length)
console.log(`${count.passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
