import { glob, readFile } from 'node:fs/promises'
import t from 'tap'

const ROOT = new URL('../', import.meta.url)

/**
 * `SELECT id::text … ORDER BY id` orders by the text: a bare name in ORDER BY is the output column first. Of the texts, "10" comes
 * before "9".
 */
t.test('no statement orders by the name of an output column that is a cast', async (t) => {
  const wrong: string[] = []
  let statements = 0
  for await (const path of glob('{packages,services,testing,demo,test,bench,tools,deploy}/**/*.{ts,sql,mjs,js,yaml,tpl}', { cwd: ROOT, exclude: (name) => /node_modules|dist/.test(String(name)) })) {
    if (path.endsWith('order-by.test.ts')) continue
    const text = await readFile(new URL(path, ROOT), 'utf8')
    for (const { index, 1: names = '' } of text.matchAll(/\bORDER BY ([a-z_, ]+?)(?: ASC| DESC)?(?=\s+LIMIT|\s*[`')"]|\s+OFFSET|\n)/g)) {
      statements++
      const before = text.slice(0, index)
      const select = before.slice(Math.max(before.lastIndexOf('`'), before.lastIndexOf("'SELECT")))
      for (const name of names.split(',').map((each) => each.trim())) {
        // A column of its own, not an argument; or another one that is given the name.
        const isCast = new RegExp(`(?:SELECT|,)\\s+(?:\\w+\\.)?${name}::\\w+(?:\\[\\])?\\s*(?:,|FROM)|::\\w+(?:\\[\\])? AS ${name}\\b`).test(select)
        if (isCast) wrong.push(`${path}: ORDER BY ${name}`)
      }
    }
  }
  t.ok(statements > 10, `${statements} looked at`)
  t.same(wrong, [])
})
