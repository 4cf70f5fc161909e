export interface Failure {
  /** File and test, or the step that failed. */
  title: string
  details: readonly string[]
}

export interface TestFile {
  name: string
  ok: boolean
  tests: number
  seconds: number
}

const INDENT = 4
const DETAIL_LINES = 40
/** Of stderr, before a file's failure is read, and as many after it. */
const LAST_LINES = 15

/** Counts the tests of each file from the output of `tap run --reporter=tap`, and keeps the reason of each failure. */
export class TapReading {
  passed = 0
  failed = 0
  readonly failures: Failure[] = []
  readonly files: TestFile[] = []
  readonly #onFile: (file: TestFile) => void
  /** The subtests that are open, from the outermost on, each with the number of failures before it. */
  #open: Array<{ name: string, failuresBefore: number }> = []
  #tests = 0
  /** Lines that belong to the last failure, until its block of details ends. */
  #details: { lines: string[], indent: string } | undefined
  #lastLines: string[] = []
  /** The details of the last file that failed outside its tests. */
  #crash: string[] | undefined

  constructor (onFile: (file: TestFile) => void = () => {}) {
    this.#onFile = onFile
  }

  /**
   * The stderr of the tests, without tap's own reports. It comes on a pipe of its own, before or after the report of the file that
   * wrote it, and between the reports of other files. So a crash keeps what came shortly before and after.
   */
  readError (line: string): void {
    this.#lastLines = [...this.#lastLines, line].slice(-LAST_LINES)
    if (this.#crash !== undefined && this.#crash.length < 2 * LAST_LINES) this.#crash.push(line)
  }

  read (line: string): void {
    if (this.#readDetails(line)) return
    const [, subtestIndent, subtest] = /^( *)# Subtest: (.*)$/.exec(line) ?? []
    if (subtestIndent !== undefined && subtest !== undefined) {
      this.#open = [...this.#open.slice(0, subtestIndent.length / INDENT), { name: subtest, failuresBefore: this.failures.length }]
      return
    }
    const [, indent, not, rest] = /^( *)(not )?ok \d+ ?-? ?(.*)$/.exec(line) ?? []
    if (indent === undefined || rest === undefined || indent.length % INDENT !== 0) return
    const [name = '', directive = ''] = rest.split(/ # (?=time=|SKIP|TODO)/)
    const ok = not === undefined || /^(SKIP|TODO)/.test(directive)
    const depth = indent.length / INDENT
    if (!ok) this.#fail(depth, name, indent)
    if (depth === 1) this.#count(ok, directive)
    if (depth === 0) this.#endFile(name, ok, directive)
    this.#open = this.#open.slice(0, depth)
  }

  #fail (depth: number, name: string, indent: string): void {
    const failuresBefore = this.#open[depth]?.failuresBefore ?? this.failures.length
    // The inner failure has been reported; its test and its file failed only because of it.
    if (this.failures.length > failuresBefore) return
    const lines: string[] = depth === 0 ? [...this.#lastLines] : []
    if (depth === 0) this.#crash = lines
    this.failures.push({ title: [...this.#open.slice(0, depth).map(({ name }) => name), name].join(' › '), details: lines })
    if (depth > 0) this.#details = { lines, indent: `${indent}  ` }
  }

  #count (ok: boolean, directive: string): void {
    if (directive.startsWith('SKIP') || directive.startsWith('TODO')) return
    this.#tests++
    if (ok) this.passed++
    else this.failed++
  }

  #endFile (name: string, ok: boolean, directive: string): void {
    // The process crashed before its first test, or between two tests.
    if (!ok && !this.failures.some(({ title }) => title.startsWith(`${name} › `))) this.failed++
    const file = { name, ok, tests: this.#tests, seconds: Number(/time=([\d.]+)/.exec(directive)?.[1] ?? 0) / 1_000 }
    this.files.push(file)
    this.#onFile(file)
    this.#tests = 0
  }

  /** @returns whether the line was part of the details of a failure */
  #readDetails (line: string): boolean {
    if (this.#details === undefined) return false
    const { lines, indent } = this.#details
    if (!line.startsWith(indent)) {
      this.#details = undefined
      return false
    }
    const text = line.slice(indent.length)
    if (text === '...') this.#details = undefined
    else if (text !== '---' && lines.length < DETAIL_LINES) lines.push(text)
    return true
  }
}
