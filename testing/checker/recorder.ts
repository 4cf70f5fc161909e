import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from './entry.ts'
import { JsonLinesFile } from './json-lines.ts'
import { HISTORY_FOLDER } from './run-folder.ts'

/** An entry without its time, which the recorder adds. */
export type Recorded<E extends Entry = Entry> = E extends Entry ? Omit<E, 't'> : never

/** Writes the history: one file for each process, or in memory for a short run. */
export class Recorder {
  /** Empty if there is a folder: the history of a long run does not fit into memory. */
  readonly entries: Entry[] = []
  readonly #folder: string | undefined
  readonly #files = new Map<string, JsonLinesFile>()
  readonly #startedAt = performance.now()

  /** @param folder of the run; without one everything is kept in memory */
  constructor (folder?: string) {
    this.#folder = folder === undefined ? undefined : join(folder, HISTORY_FOLDER)
    if (this.#folder !== undefined) mkdirSync(this.#folder, { recursive: true })
  }

  /** Milliseconds since the run began. */
  get now (): number {
    return Math.round(performance.now() - this.#startedAt)
  }

  /** @param t when it happened, if not now */
  record (entry: Recorded, t = this.now): void {
    const timed = { t, ...entry } as Entry
    if (this.#folder === undefined) {
      this.entries.push(timed)
      return
    }
    let file = this.#files.get(entry.process)
    if (file === undefined) this.#files.set(entry.process, file = new JsonLinesFile(join(this.#folder, `${entry.process}.jsonl`)))
    file.write(timed)
  }

  async close (): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()))
    this.#files.clear()
  }
}
