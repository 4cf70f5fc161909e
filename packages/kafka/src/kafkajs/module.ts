import { createRequire } from 'node:module'

/** The version that our changes were written and tested for. */
const KAFKAJS_VERSION = '2.2.4'

const require = createRequire(import.meta.url)

/**
 * One of kafkajs's internal modules.
 *
 * @param path inside `kafkajs/src`
 * @param patch the file that changes the module; named in the error
 * @throws Error when another version of kafkajs is installed
 */
export function kafkajsModule<Exports> (path: string, patch: string): Exports {
  const { version } = require('kafkajs/package.json') as { version: string }
  if (version !== KAFKAJS_VERSION) {
    throw new Error(`expected kafkajs ${KAFKAJS_VERSION}, found ${version}: check whether packages/kafka/src/kafkajs/${patch} still fits`)
  }
  return require(`kafkajs/src/${path}`) as Exports
}

/**
 * Replaces one of kafkajs's internal modules for every module that requires it later.
 *
 * @throws Error when kafkajs is already loaded, because its modules then hold the original
 */
export function replaceKafkajsModule<Exports> (path: string, patch: string, replace: (original: Exports) => Exports): void {
  // An entry that is not loaded is fine: Node adds it when it links our own import of kafkajs.
  if (require.cache[require.resolve('kafkajs')]?.loaded === true) {
    throw new Error(`expected to be loaded before kafkajs, found it loaded: import it from packages/kafka/src/kafkajs/index.ts, not directly (${patch})`)
  }
  const original = kafkajsModule<Exports>(path, patch)
  const cached = require.cache[require.resolve(`kafkajs/src/${path}`)]
  if (cached === undefined) throw new Error(`expected kafkajs/src/${path} in the module cache, found nothing (${patch})`)
  cached.exports = replace(original)
}
