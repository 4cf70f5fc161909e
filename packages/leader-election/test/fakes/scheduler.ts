interface Task {
  at: number
  order: number
  run: () => void
}

/** Virtual time: only scheduled tasks run, and between two tasks every promise that can settle does. */
export class Scheduler {
  #now = 0
  #tasks: Task[] = []
  readonly #tieBreak: () => number

  /** @param tieBreak orders tasks of the same moment; the order of scheduling unless given */
  constructor (tieBreak?: () => number) {
    let scheduled = 0
    this.#tieBreak = tieBreak ?? (() => scheduled++)
  }

  get now (): number {
    return this.#now
  }

  schedule (delayMs: number, run: () => void): () => void {
    const task = { at: this.#now + Math.max(delayMs, 0), order: this.#tieBreak(), run }
    const index = this.#tasks.findIndex(({ at, order }) => at > task.at || (at === task.at && order > task.order))
    this.#tasks.splice(index === -1 ? this.#tasks.length : index, 0, task)
    return () => { this.#tasks = this.#tasks.filter((other) => other !== task) }
  }

  /** @param afterTask called when the consequences of a task have settled */
  async advance (ms: number, afterTask: () => void = () => {}): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      afterTask()
      const [task] = this.#tasks
      if (task === undefined || task.at > end) break
      this.#tasks.shift()
      this.#now = task.at
      task.run()
    }
    this.#now = end
  }
}

/** Lets every promise settle that does not wait for a task. */
export function settle (): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve) })
}
