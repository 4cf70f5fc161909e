import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { checkoutPath } from '../../checkout.ts'
import { until } from '../../index.ts'
import t, { type Test } from 'tap'
import { cacheDirectory, cachedFolder, publicCacheDirectory } from '../../../servers/cache.ts'

const CHECKOUT = checkoutPath('./')

function folderIn (t: Test): string {
  return join(t.testdir({}), 'made')
}

/** As another process leaves it when it works, or stopped working `silentMs` ago. */
async function unfinishedOf (folder: string, silentMs: number): Promise<string> {
  const other = join(folder, `../.made-${Date.now() - silentMs - 1}-other`)
  await mkdir(other)
  const when = new Date(Date.now() - silentMs)
  await utimes(other, when, when)
  return other
}

t.test('the cache is outside of the checkout, where the user or the system says', async (t) => {
  const before = { ...process.env }
  t.teardown(() => { process.env = before })
  process.env.ORDERS_OUTBOX_CACHE = '/own'
  t.equal(cacheDirectory(), '/own')
  delete process.env.ORDERS_OUTBOX_CACHE
  process.env.XDG_CACHE_HOME = '/caches'
  t.equal(cacheDirectory(), '/caches/orders-outbox')
  delete process.env.XDG_CACHE_HOME
  for (const directory of [cacheDirectory(), publicCacheDirectory()]) t.match(relative(CHECKOUT, directory), /^\.\./, directory)
})

t.test('made once; a failure leaves nothing, and the next one begins anew', async (t) => {
  const folder = folderIn(t)
  await t.rejects(cachedFolder(folder, async (unfinished) => {
    await writeFile(join(unfinished, 'half'), '')
    throw new Error('interrupted')
  }), { message: 'interrupted' })
  t.same(await readdir(join(folder, '..')), [])
  let fills = 0
  const fill = async (unfinished: string) => { await writeFile(join(unfinished, 'whole'), `${++fills}`) }
  t.equal(await cachedFolder(folder, fill), folder)
  t.equal(await cachedFolder(folder, fill), folder)
  t.same([await readFile(join(folder, 'whole'), 'utf8'), fills], ['1', 1])
  t.same(await readdir(join(folder, '..')), ['made'])
})

t.test('several at once: one works, the others wait for it', async (t) => {
  const folder = folderIn(t)
  const lines: string[] = []
  let fills = 0
  const filling = Promise.withResolvers<undefined>()
  const proceed = Promise.withResolvers<undefined>()
  const fill = async () => {
    fills++
    filling.resolve(undefined)
    await proceed.promise
  }
  const waiting = Promise.withResolvers<undefined>()
  const want = () => cachedFolder(folder, fill, (line) => { lines.push(line); if (lines.length === 2) waiting.resolve(undefined) })
  const first = want()
  await filling.promise
  // Of several in one millisecond two may work.
  const begun = Date.now()
  await until(() => Date.now() > begun, { what: 'the next millisecond' })
  const all = [first, want(), want()]
  await waiting.promise
  proceed.resolve(undefined)
  t.same(await Promise.all(all), [folder, folder, folder])
  t.equal(fills, 1)
  t.match(lines, [/another process/, /another process/])
})

t.test('no process waits for one that has ended; its files are removed later, but not while it may only be suspended', async (t) => {
  const folder = folderIn(t)
  const asleep = await unfinishedOf(folder, 60_000)
  const gone = await unfinishedOf(folder, 25 * 3_600_000)
  await cachedFolder(folder, async (unfinished) => { await writeFile(join(unfinished, 'whole'), '') })
  t.ok(existsSync(join(folder, 'whole')))
  t.ok(existsSync(asleep))
  t.notOk(existsSync(gone))
})
