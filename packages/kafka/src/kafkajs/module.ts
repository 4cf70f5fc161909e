import { createRequire } from 'node:module'

/** What our changes to kafkajs were written for; any other version has to be looked at first. */
const KAFKAJS_VERSION = '2.2.4'

const require = createRequire(import.meta.url)

/**
 * One of kafkajs's own modules.
 *
 * @param path inside `kafkajs/src`
 * @param patch the file that changes it, for the error
 * @throws Error when this is another kafkajs than the one the change was written for
 */
export function kafkajsModule<Exports> (path: string, patch: string): Exports {
  const { version } = require('kafkajs/package.json') as { version: string }
  if (version !== KAFKAJS_VERSION) {
    throw new Error(`expected kafkajs ${KAFKAJS_VERSION}, found ${version}: check whether packages/kafka/src/kafkajs/${patch} still fits`)
  }
  return require(`kafkajs/src/${path}`) as Exports
}

/**
 * Puts something else in the place of one of kafkajs's own modules, for all that ask for it later.
 *
 * @throws Error when kafkajs is loaded already: its modules hold the original then
 */
export function replaceKafkajsModule<Exports> (path: string, patch: string, replace: (original: Exports) => Exports): void {
  // Node puts it there unloaded when it links the import of it.
  if (require.cache[require.resolve('kafkajs')]?.loaded === true) {
    throw new Error(`expected to be loaded before kafkajs, found it loaded: import it from packages/kafka/src/kafkajs/index.ts, not directly (${patch})`)
  }
  const original = kafkajsModule<Exports>(path, patch)
  const cached = require.cache[require.resolve(`kafkajs/src/${path}`)]
  if (cached === undefined) throw new Error(`expected kafkajs/src/${path} in the cache of modules, found nothing (${patch})`)
  cached.exports = replace(original)
}
