import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, cachedFolder } from './cache.ts'
import { MissingToolError } from './errors.ts'
import { withProgress, type Progress } from './progress.ts'
import { runCommand } from './run-command.ts'

/** As `kafka/pom.xml` has it. */
export const KAFKA_VERSION = '4.3.1'
const JAVA = 17
const POM = fileURLToPath(new URL('./kafka/pom.xml', import.meta.url))

/** @throws MissingToolError */
export async function requireJava (): Promise<void> {
  const needed = (found: string) => new MissingToolError('Java', `${JAVA} or newer (java on the PATH)`, found, 'Kafka', 'KAFKA_BROKERS')
  const output = await runCommand('java', ['-version']).catch(() => { throw needed('none') })
  const version = /version "(\d+)/.exec(output)?.[1] ?? 'an unknown version'
  if (!(Number(version) >= JAVA)) throw needed(version)
}

/** The folder with Kafka's jars, which Maven resolves once. */
export async function kafkaJars (progress: Progress = () => {}): Promise<string> {
  return cachedFolder(join(cacheDirectory(), `kafka-${KAFKA_VERSION}`), async (folder) => {
    await runCommand('mvn', ['-v']).catch(() => { throw new MissingToolError('Maven', '3.8 or newer (mvn on the PATH)', 'none', 'Kafka', 'KAFKA_BROKERS') })
    let jars = 0
    let megabytes = 0
    const count = async () => {
      const files = await readdir(folder)
      const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size))
      jars = files.length
      megabytes = Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1_000_000)
    }
    const counting = setInterval(() => { count().catch(() => {}) }, 500)
    await withProgress(progress, `Kafka ${KAFKA_VERSION}: resolving its jars with Maven (46 jars, 45 MB)`, () => `${jars} jars, ${megabytes} MB`, async () => {
      await runCommand('mvn', [
        '-B', '-q', '-f', POM, 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
        `-DoutputDirectory=${folder}`, '-DincludeScope=runtime'
      ], { removeWithParent: folder })
      await count()
    }).finally(() => { clearInterval(counting) })
  }, progress)
}
