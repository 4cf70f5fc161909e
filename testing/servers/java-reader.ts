import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { kafkaJars } from './kafka-jars.ts'

const SOURCE = fileURLToPath(new URL('./kafka/TopicReader.java', import.meta.url))
/** The jars that a consumer needs. Without a binding for slf4j it logs nothing, so its output is the records only. */
const NEEDED = /^(kafka-clients|slf4j-api|zstd-jni|snappy-java|lz4-java)-/

/** A record as Kafka's own client gives it. */
export interface JavaRecord {
  partition: number
  offset: number
  /** Base64. */
  key: string | null
  /** SHA-256 of the value, in hexadecimal. */
  value: string | null
  /** Names and values, both in base64, in the order of the record. */
  headers: Array<[string, string | null]>
}

export interface JavaReadOptions {
  brokers: string
  topic: string
  /** By partition, the offset that is not read any more. */
  ends: ReadonlyMap<number, bigint>
  deadlineMs?: number
}

/**
 * Reads a topic with Kafka's own Java consumer, read-committed, which shares no code with our client. Needs a JDK, which compiles
 * the reader on every run (one second).
 *
 * @throws Error with what Java said, when it did not reach the ends
 */
export async function readWithJava ({ brokers, topic, ends, deadlineMs = 60_000 }: JavaReadOptions, onRecord: (record: JavaRecord) => void): Promise<number> {
  const unread = [...ends].filter(([, end]) => end > 0n)
  if (unread.length === 0) return 0
  const jars = await kafkaJars()
  const classPath = (await readdir(jars)).filter((file) => NEEDED.test(file)).map((file) => join(jars, file)).join(':')
  const java = spawn('java', [
    '-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', classPath, SOURCE, brokers, topic, String(deadlineMs), ...unread.map(([partition, end]) => `${partition}:${end}`)
  ], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(java, 'close').then(([code]) => code as number | null)
  // A child that cannot be started never closes.
  const failed = new Promise<never>((_resolve, reject) => { java.once('error', reject) })
  failed.catch(() => {})
  let said = ''
  java.stderr.on('data', (chunk: Buffer) => { said = (said + String(chunk)).slice(-4_000) })
  let total: number | undefined
  let records = 0
  const reading = (async () => {
    for await (const line of createInterface({ input: java.stdout })) {
      const read = JSON.parse(line) as JavaRecord | { records: number }
      if ('records' in read) total = read.records
      else {
        onRecord(read)
        records++
      }
    }
  })()
  const code = await Promise.race([Promise.all([ended, reading]).then(([code]) => code), failed])
  if (code !== 0 || total !== records) throw new Error(`expected the Java reader to read ${topic} to its end, found ${records} of ${total ?? 'unknown'} records, exit code ${code}: ${said}`)
  return records
}
