/** A file's text under the new version. */
type Rewrite = (text: string, version: string, date: string) => string

const PENDING = '## Pending'
const NOTHING = 'Nothing yet.'

/** Files that name the version of the project, each with how it is written there. Globs, from the root of the checkout. */
export const VERSIONED: ReadonlyArray<readonly [pattern: string, rewrite: Rewrite]> = [
  ['CHANGELOG.md', releaseChangelog],
  ['{package.json,testing/package.json,packages/*/package.json,services/*/package.json}', versionWorkspace],
  ['package-lock.json', versionLockFile],
  ['deploy/helm/Chart.yaml', (text, version) => replace(text, /^((?:version|appVersion): ).*$/gm, `$1${version}`, 2)],
  ['deploy/versions.env', (text, version) => replace(text, /^(: "\$\{IMAGE_TAG:=).*(\}")$/gm, `$1${version}$2`, 1)]
]

/**
 * Moves what is pending under the version.
 *
 * @param date as YYYY-MM-DD
 * @throws Error when nothing is pending, or the version has a heading already
 */
export function releaseChangelog (text: string, version: string, date: string): string {
  if (text.includes(`\n## ${version} `)) throw new Error(`CHANGELOG.md: expected no heading for ${version}, found one`)
  const begin = text.indexOf(`${PENDING}\n`)
  if (begin === -1) throw new Error(`CHANGELOG.md: expected a heading "${PENDING}", found none`)
  const after = begin + PENDING.length
  const end = text.indexOf('\n## ', after)
  const pending = text.slice(after, end === -1 ? undefined : end).trim()
  if (pending === '' || pending === NOTHING) throw new Error(`CHANGELOG.md: expected changes under "${PENDING}", found none`)
  const rest = end === -1 ? '' : text.slice(end)
  return `${text.slice(0, begin)}${PENDING}\n\n${NOTHING}\n\n## ${version} (${date})\n\n${pending}\n${rest}`
}

/**
 * @param found versions of today
 * @throws Error unless the version has the form 1.2.3 and is above all of them
 */
export function assertHigher (version: string, found: readonly string[]): void {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`expected a version such as 1.2.3, found ${JSON.stringify(version)}`)
  const tooHigh = found.find((other) => version.localeCompare(other, 'en', { numeric: true }) <= 0)
  if (tooHigh !== undefined) throw new Error(`expected a version above ${tooHigh}, found ${version}`)
}

/** A workspace's own version, and the workspaces that it depends on. */
function versionWorkspace (text: string, version: string): string {
  return replace(text, /^( {2}"version": | {4}"@orders\/[a-z-]+": )"\d[^"]*"/gm, `$1"${version}"`, 1)
}

/** The same in the lock file. Only entries of workspaces: those of other packages have a version of their own. */
function versionLockFile (text: string, version: string): string {
  const lock = JSON.parse(text) as { version: string, packages: Record<string, LockedPackage> }
  lock.version = version
  for (const [path, found] of Object.entries(lock.packages)) {
    if (path.includes('node_modules/')) continue
    found.version = version
    for (const dependencies of [found.dependencies, found.devDependencies]) {
      for (const name of Object.keys(dependencies ?? {})) if (name.startsWith('@orders/')) dependencies![name] = version
    }
  }
  return `${JSON.stringify(lock, undefined, 2)}\n`
}

interface LockedPackage {
  version?: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

function replace (text: string, pattern: RegExp, replacement: string, atLeast: number): string {
  const count = text.match(pattern)?.length ?? 0
  if (count < atLeast) throw new Error(`expected ${atLeast} places for ${String(pattern)}, found ${count}`)
  return text.replaceAll(pattern, replacement)
}
