export { assertReadable } from './assert-readable.ts'
export { backlog, BacklogMeter, type Backlog } from './backlog.ts'
export { claim, dropClaim, type BatchName } from './claim.ts'
export { complete } from './complete.ts'
export { readDdlOfRecord, type DdlFile } from './ddl-of-record.ts'
export {
  deadLetter, discardDeadLetter, listDeadLetters, replayDeadLetter, type DeadLetter
} from './dead-letters.ts'
export { enqueue } from './enqueue.ts'
export { DeadLetterIdTakenError, DeadLetterNotFoundError, FencedError, InvalidEventError } from './errors.ts'
export { NO_EVENTS, type EventNames } from './event-names.ts'
export type { JsonValue, NewEvent, OutboxEvent } from './event.ts'
export { assertHeld, Fence } from './fence.ts'
export {
  announceLayoutChange, changeLayout, holdLayout, readLayout, type Layout, type LayoutSettings
} from './layout.ts'
export { READ_SESSION_OPTIONS, readBatch, type ReadOptions, type TypeFilter } from './read-batch.ts'
export { ScanBound } from './scan-bound.ts'
export { readShard, takeOverShard, type ShardState, type TakeOverOptions, type TakenOver } from './shard-fence.ts'
export type { SqlClient, Statement } from './sql-client.ts'
export { WAKEUP_CHANNEL } from './wakeup-channel.ts'
export { listenForWakeups, type WakeupListener, type WakeupListenerOptions } from './wakeup-listener.ts'
export { createWakeupSender, type WakeupSender, type WakeupSenderOptions } from './wakeup-sender.ts'
