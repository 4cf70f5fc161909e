/** An event that the outbox cannot store. Nothing was written. */
export class InvalidEventError extends Error {
  readonly code = 'OUTBOX_INVALID_EVENT'
  readonly field: string
  /** Where in the field, as a JSON pointer; empty for the field itself. */
  readonly pointer: string

  constructor (field: string, expected: string, found: unknown, pointer = '') {
    super(`invalid event: ${field}${pointer === '' ? '' : ` at ${pointer}`} must be ${expected}, found ${describe(found)}`)
    this.name = 'InvalidEventError'
    this.field = field
    this.pointer = pointer
  }
}

/** `relay_shard` was changed since this relay's last statement: another relay has taken the shard over, or the database was restored. */
export class FencedError extends Error {
  readonly code = 'OUTBOX_FENCED'
  readonly shard: number
  readonly epoch: bigint

  constructor (shard: number, epoch: bigint) {
    super(`fenced: shard ${shard} is no longer as this relay left it with epoch ${epoch}: another relay has taken it over, or the database was restored`)
    this.name = 'FencedError'
    this.shard = shard
    this.epoch = epoch
  }
}

/** The ids of `outbox_events` do not rise in the order of the writers: events of an aggregate would be published out of order. */
export class OutboxOrderError extends Error {
  readonly code = 'OUTBOX_ORDER'
  readonly problems: readonly string[]

  constructor (problems: readonly string[]) {
    super(`events of one aggregate would be published out of order: ${problems.join('; ')}`)
    this.name = 'OutboxOrderError'
    this.problems = problems
  }
}

/** There is no such dead letter, or it is being replayed. */
export class DeadLetterNotFoundError extends Error {
  readonly code = 'OUTBOX_DEAD_LETTER_NOT_FOUND'

  constructor (id: bigint) {
    super(`expected a dead letter with id ${id} that is not being replayed yet, found none`)
    this.name = 'DeadLetterNotFoundError'
  }
}

/** An event cannot become a dead letter: ids were given out again (`RESTART IDENTITY`, a restore), and older dead letters have this id and those below. */
export class DeadLetterIdTakenError extends Error {
  readonly code = 'OUTBOX_DEAD_LETTER_ID_TAKEN'

  constructor (id: string) {
    super(`expected no dead letter of another event with id ${id}, found one, and no free id below: discard or replay it, and set the sequence of outbox_events above every id in use`)
    this.name = 'DeadLetterIdTakenError'
  }
}

function describe (value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value)
  if (typeof value === 'number') return String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date'
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}
