import type pg from 'pg'

/** How to connect, and what to do before the connection is used, such as the settings of its session. */
export interface Connection extends pg.ClientConfig {
  onConnect?: (client: pg.ClientBase) => Promise<unknown>
}
