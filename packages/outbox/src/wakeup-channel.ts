/** The `NOTIFY` channel of wake-ups. Any writer may send on it, after its commit. */
export const WAKEUP_CHANNEL = 'outbox_wakeup'
