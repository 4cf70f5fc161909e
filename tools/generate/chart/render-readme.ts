import { readFile } from 'node:fs/promises'
import { CHART } from './value-sets.ts'

interface Value {
  path: string
  default: string
  meaning: string
}

/** The README of the chart: its hand-written part, and a table made of the comments of values.yaml. */
export async function renderReadme (): Promise<string> {
  const readme = await readFile(new URL('README.md', CHART), 'utf8').catch(() => `${HEADING}\n`)
  const written = readme.slice(0, readme.indexOf(HEADING))
  const rows = readValues(await readFile(new URL('values.yaml', CHART), 'utf8'))
    .map(({ path, default: value, meaning }) => `| \`${path}\` | ${value} | ${meaning.replaceAll('|', '\\|')} |`)
  return `${written}${HEADING}\n\n${INTRODUCTION}\n\n| Value | Default | Meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`
}

const HEADING = '## Values'
const INTRODUCTION = 'This table is generated from the comments of [values.yaml](values.yaml): `npm run chart`.'

/** Values with a `# --` comment. A map is shown as a whole if the comment is above it. */
export function readValues (yaml: string): Value[] {
  const values: Value[] = []
  const path: Array<{ indent: number, key: string }> = []
  let comment: string[] = []
  let wholeBelow = Infinity
  for (const line of yaml.split('\n')) {
    const indent = line.search(/\S/)
    const [, text] = /^\s*# ?(.*)$/.exec(line) ?? []
    if (text !== undefined) {
      if (text.startsWith('-- ')) comment = [text.slice(3)]
      else if (comment.length > 0) comment.push(text)
      continue
    }
    const [, key, value = ''] = /^\s*([A-Za-z][A-Za-z0-9_]*):\s*(.*)$/.exec(line) ?? []
    // Below a described map or list: part of its default.
    if (indent === -1 || indent > wholeBelow || key === undefined) continue
    wholeBelow = Infinity
    while ((path.at(-1)?.indent ?? -1) >= indent) path.pop()
    path.push({ indent, key })
    if (comment.length === 0) continue
    values.push({ path: path.map(({ key }) => key).join('.'), default: showDefault(value), meaning: comment.join(' ') })
    if (value === '') wholeBelow = indent
    comment = []
  }
  return values
}

function showDefault (value: string): string {
  if (value === '') return 'see [values.yaml](values.yaml)'
  return value === "''" ? '' : `\`${value.replace(/^'(.*)'$/, '$1')}\``
}
