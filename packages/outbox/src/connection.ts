import type pg from 'pg'

/** How a connection is made, and what is done with it before it is used: the settings of its session, for example. */
export interface Connection extends pg.ClientConfig {
  onConnect?: (client: pg.ClientBase) => Promise<unknown>
}
