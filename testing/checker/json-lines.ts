import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'

/** Yields the value of each line; nothing for a missing file. Skips a last line that a crash cut off. */
export async function * readJsonLines<T> (file: string): AsyncGenerator<T> {
  if (!existsSync(file)) return
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
  let before: string | undefined
  for await (const line of lines) {
    if (before !== undefined) yield JSON.parse(before) as T
    before = line
  }
  if (before === undefined || before === '') return
  let last: T
  try {
    last = JSON.parse(before) as T
  } catch {
    return
  }
  yield last
}

export async function writeJsonLines (file: string, values: Iterable<unknown>): Promise<void> {
  await pipeline(async function * () {
    let chunk = ''
    for (const value of values) {
      chunk += `${JSON.stringify(value)}\n`
      if (chunk.length > 1_000_000) {
        yield chunk
        chunk = ''
      }
    }
    yield chunk
  }, createWriteStream(file))
}

/** Appends lines to a file, so that they survive a crash of the run itself. */
export class JsonLinesFile {
  readonly #stream
  #pending = ''
  #scheduled = false

  constructor (file: string) {
    this.#stream = createWriteStream(file, { flags: 'a' })
  }

  write (value: unknown): void {
    this.#pending += `${JSON.stringify(value)}\n`
    if (this.#scheduled) return
    this.#scheduled = true
    // One write for all lines of one turn of the event loop.
    setImmediate(() => { this.#flush() })
  }

  async close (): Promise<void> {
    this.#flush()
    this.#stream.end()
    await once(this.#stream, 'close')
  }

  #flush (): void {
    this.#scheduled = false
    if (this.#pending === '') return
    this.#stream.write(this.#pending)
    this.#pending = ''
  }
}
