import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** A kafkajs module without our change. It is loaded a second time, because the module cache holds ours. */
export function originalModule<Exports> (path: string): Exports {
  const resolved = require.resolve(`kafkajs/src/${path}`)
  const cached = require.cache[resolved]
  delete require.cache[resolved]
  const original = require(resolved) as Exports
  require.cache[resolved] = cached
  return original
}
