import { holdLayout, readLayout, type Layout, type LayoutSettings, type SqlClient } from '@orders/outbox'

/** The settings of the layout, by its fields. */
const SETTINGS: Record<keyof LayoutSettings, string> = {
  relayName: 'RELAY_NAME', shards: 'RELAY_SHARDS', positionTopic: 'RELAY_DEFAULT_TOPIC', delivery: 'RELAY_DELIVERY'
}

/** This relay is set in another way than the relays of its database: publishing as well, it would publish everything twice. */
export class LayoutMismatchError extends Error {
  readonly code = 'RELAY_LAYOUT_MISMATCH'

  constructor (settings: LayoutSettings, found: LayoutSettings) {
    const differences = differencesOf(settings, found).map((field) => `${SETTINGS[field]}=${settings[field]}, found ${found[field]}`)
    super(`expected the settings with which this database's relays publish (relay_layout) to be ${differences.join('; ')}: not publishing. ` +
      'Set it back; or, to change it on purpose, run change-layout.js of the relay once with the new settings')
    this.name = 'LayoutMismatchError'
  }
}

/** A change of the layout is being made just now. */
export class LayoutChangingError extends Error {
  readonly code = 'RELAY_LAYOUT_CHANGING'

  constructor () {
    super('the settings with which this database\'s relays publish are being changed (change-layout.js); waiting for it')
    this.name = 'LayoutChangingError'
  }
}

export interface LayoutGuardOptions {
  db: SqlClient
  settings: LayoutSettings
}

/** Holds the settings of this relay against those with which its database's relays publish. */
export class LayoutGuard {
  readonly #options: LayoutGuardOptions
  #mismatch: LayoutMismatchError | undefined
  #onMismatch: () => void = () => {}

  constructor (options: LayoutGuardOptions) {
    this.#options = options
  }

  /** What was found when last looked; undefined if nothing is wrong, or not known yet. */
  get mismatch (): LayoutMismatchError | undefined {
    return this.#mismatch
  }

  /** @param listener called when a take-over finds the layout changed */
  onMismatch (listener: () => void): void {
    this.#onMismatch = listener
  }

  /**
   * For a take-over: the layout under which it is made. The first relay of a database writes its own settings.
   *
   * @throws LayoutMismatchError | LayoutChangingError
   */
  async hold (): Promise<string> {
    const { db, settings } = this.#options
    const found = await holdLayout(db, settings)
    this.#compare(found)
    if (this.#mismatch !== undefined) {
      this.#onMismatch()
      throw this.#mismatch
    }
    if (found.isChanging) throw new LayoutChangingError()
    return found.layout
  }

  /** Looks again, and writes nothing. */
  async look (): Promise<void> {
    const found = await readLayout(this.#options.db)
    if (found === undefined) this.#mismatch = undefined
    else this.#compare(found)
  }

  #compare (found: Layout): void {
    const { settings } = this.#options
    this.#mismatch = differencesOf(settings, found).length === 0 ? undefined : new LayoutMismatchError(settings, found)
  }
}

/** Which fields differ. */
export function differencesOf (settings: LayoutSettings, found: LayoutSettings): Array<keyof LayoutSettings> {
  return (Object.keys(SETTINGS) as Array<keyof LayoutSettings>).filter((field) => settings[field] !== found[field])
}
