/**
 * The id and the event_id of each event, in the same order. The id alone is a number, which a sequence that was set back (a restore,
 * `TRUNCATE … RESTART IDENTITY`) gives to another event.
 */
export interface EventNames {
  readonly ids: readonly string[]
  readonly eventIds: readonly string[]
}

export const NO_EVENTS: EventNames = { ids: [], eventIds: [] }
