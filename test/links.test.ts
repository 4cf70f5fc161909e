import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NOT_OURS = new Set(['node_modules', 'dist', '.tap', '.git'])

async function documents (folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = await Promise.all(entries.filter(({ name }) => !NOT_OURS.has(name)).map(async (entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return documents(path)
    return entry.name.endsWith('.md') ? [path] : []
  }))
  return found.flat()
}

/** The anchor of a heading, as GitHub makes it. */
function anchors (text: string): Set<string> {
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading.toLowerCase().replaceAll(/[`*]/g, '').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')))
}

t.test('every link from one document to another file, or to a heading, has a target', async (t) => {
  let links = 0
  for (const document of await documents(ROOT)) {
    const text = await readFile(document, 'utf8')
    for (const [, target = ''] of text.replaceAll(/```[^]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links++
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? document : join(dirname(document), path)
      const where = `${relative(ROOT, document)}: ${target}`
      if (!existsSync(file)) t.fail(`${where}: no such file`)
      else if (anchor !== undefined && !anchors(await readFile(file, 'utf8')).has(anchor)) t.fail(`${where}: no such heading`)
    }
  }
  t.ok(links > 50, `${links} links`)
})
