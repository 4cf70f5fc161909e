export { broken, check, INVARIANTS, unchecked } from './check.ts'
export type {
  Answer, ClientEntry, ConsumerEntry, Entry, EntryType, FaultEntry, Part, ProcessEntry, RelayEntry, SampleEntry
} from './entry.ts'
export { faultWindows, type FaultWindow } from './fault-windows.ts'
export type {
  AnswerRow, CopyRow, DeadLetterRow, EffectRow, EnqueuedRow, FenceRow, FinalState, OffsetRow, OrderRow, ReadersRow, RestoreRow, TopicRow, UndoneEventRow, UndoneFenceRow
} from './final-state.ts'
export type { Invariant } from './invariant.ts'
export { JsonLinesFile } from './json-lines.ts'
export { Operations, type Operation } from './operation.ts'
export { Recorder, type Recorded } from './recorder.ts'
export type { PlannedFault, Run, RunDescription } from './run.ts'
export { loadRun, saveDescription, saveFinalState } from './run-folder.ts'
export type { Verdict, VerdictResult, Violation } from './verdict.ts'
