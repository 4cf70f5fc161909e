// `npm run release -- 1.2.3`: moves what is pending in the changelog under the version, writes the version and everything that is
// generated with it, commits, and tags. `--dry-run` shows which files would change. It pushes nothing.
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { assertHigher, VERSIONED } from './new-version.ts'

const ROOT = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8')
const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

/** @throws Error when the release cannot be made; then nothing is changed */
function plan (version: string): Map<string, string> {
  const dirty = run('git', 'status', '--porcelain').trim()
  if (dirty !== '') throw new Error(`expected a clean checkout, found changes:\n${dirty}`)
  if (run('git', 'tag', '--list', `v${version}`).trim() !== '') throw new Error(`expected no tag v${version}, found one`)
  const { version: current } = JSON.parse(read('package.json')) as { version: string }
  const [, chart = ''] = /^version: (.*)$/m.exec(read('deploy/helm/Chart.yaml')) ?? []
  assertHigher(version, [current, chart])
  const today = new Date().toISOString().slice(0, 10)
  const changed = VERSIONED.flatMap(([pattern, rewrite]) => globSync(pattern, { cwd: ROOT }).map((path) => [path, rewrite(read(path), version, today)] as const))
  return new Map(changed)
}

const { values: { 'dry-run': isDryRun }, positionals: [version = ''] } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } }, allowPositionals: true })
try {
  const files = plan(version)
  for (const [path, text] of files) {
    console.log(`${isDryRun ? 'would write' : 'writes'} ${path}`)
    if (!isDryRun) writeFileSync(new URL(path, ROOT), text)
  }
  if (!isDryRun) {
    run('npm', 'run', '--silent', 'generate')
    run('git', 'commit', '--quiet', '--all', '--message', `Release ${version}`)
    run('git', 'tag', '--annotate', `v${version}`, '--message', `Release ${version}`)
    console.log(`tagged v${version}; push it with: git push --follow-tags`)
  }
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
