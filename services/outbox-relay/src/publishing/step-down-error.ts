/** Another takeover at once would do harm or fail again: the caller of the shard's relay decides when to try again. */
export abstract class StepDownError extends Error {}
