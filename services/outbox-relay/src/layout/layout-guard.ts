import { setTimeout as delay } from 'node:timers/promises'
import { holdLayout, readLayout, type Layout, type LayoutSettings, type SqlClient } from '@orders/outbox'
import type { Health } from '@orders/service-kit'
import type { Logger } from 'pino'
import { StepDownError } from '../publishing/step-down-error.ts'

/** The settings of the layout, by its fields. */
const SETTINGS: Record<keyof LayoutSettings, string> = {
  relayName: 'RELAY_NAME', shards: 'RELAY_SHARDS', positionTopic: 'RELAY_DEFAULT_TOPIC', delivery: 'RELAY_DELIVERY'
}

/** This relay has other settings than the relays of its database. If it published too, it would publish everything twice. */
export class LayoutMismatchError extends StepDownError {
  readonly code = 'RELAY_LAYOUT_MISMATCH'

  constructor (settings: LayoutSettings, found: LayoutSettings) {
    const differences = differencesOf(settings, found).map((field) => `${SETTINGS[field]}=${settings[field]}, found ${found[field]}`)
    super(`expected the settings with which this database's relays publish (relay_layout) to be ${differences.join('; ')}: not publishing. ` +
      'Set it back; or, to change it on purpose, run change-layout.js of the relay once with the new settings')
    this.name = 'LayoutMismatchError'
  }
}

/** The layout is being changed now. */
export class LayoutChangingError extends Error {
  readonly code = 'RELAY_LAYOUT_CHANGING'

  constructor () {
    super('the settings with which this database\'s relays publish are being changed (change-layout.js); waiting until that is done')
    this.name = 'LayoutChangingError'
  }
}

export interface LayoutGuardOptions {
  db: SqlClient
  settings: LayoutSettings
}

/** Compares the settings of this relay with those under which its database's relays publish. */
export class LayoutGuard {
  readonly #options: LayoutGuardOptions
  #mismatch: LayoutMismatchError | undefined
  #onMismatch: () => void = () => {}

  constructor (options: LayoutGuardOptions) {
    this.#options = options
  }

  /** As of the last comparison; undefined: no difference, or not known yet. */
  get mismatch (): LayoutMismatchError | undefined {
    return this.#mismatch
  }

  /** @param listener called when a takeover finds that the layout has changed */
  onMismatch (listener: () => void): void {
    this.#onMismatch = listener
  }

  /**
   * The layout token for a takeover. The first relay of a database writes its own settings.
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

  /** Compares again, and writes nothing. */
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

/** The fields that differ. */
export function differencesOf (settings: LayoutSettings, found: LayoutSettings): Array<keyof LayoutSettings> {
  return (Object.keys(SETTINGS) as Array<keyof LayoutSettings>).filter((field) => settings[field] !== found[field])
}

export interface RunInLayoutOptions {
  guard: LayoutGuard
  health: Health
  /** Between two comparisons while the settings differ. */
  pauseMs: number
  logger: Logger
}

/**
 * Does the work while this relay's settings match those of its database's relays. While they differ, the relay waits, is not
 * ready, and competes for no lease, so it keeps none from a relay that could publish. A rolling update with other settings
 * therefore stops with its old pods at work. It ends when it is rolled back, or when the layout is changed on purpose.
 *
 * A Postgres that cannot be reached delays nothing here: every takeover compares the settings too.
 */
export async function runInLayout (
  { guard, health, pauseMs, logger }: RunInLayoutOptions, work: (signal: AbortSignal) => Promise<unknown>, signal: AbortSignal
): Promise<void> {
  health.addReadiness('layout', () => { if (guard.mismatch !== undefined) throw guard.mismatch })
  while (!signal.aborted) {
    let logged = ''
    for (;;) {
      await guard.look().catch(() => {})
      const { mismatch } = guard
      if (mismatch === undefined || signal.aborted) break
      if (mismatch.message !== logged) logger.error({ event: 'layout_mismatch', err: mismatch }, 'the settings differ from those of this database\'s relays: not publishing')
      logged = mismatch.message
      await delay(pauseMs, undefined, { signal }).catch(() => {})
    }
    if (signal.aborted) return
    if (logged !== '') logger.info({ event: 'layout_matches' }, 'the settings match those of this database\'s relays again')
    const changed = new AbortController()
    guard.onMismatch(() => { changed.abort() })
    await work(AbortSignal.any([signal, changed.signal]))
  }
}
