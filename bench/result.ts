import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { KAFKA_VERSION } from '@orders/testing/servers'
import type { Case, Goal } from './scenario.ts'

export const RECORDED = new URL('./results/', import.meta.url)
export const LOCAL = new URL('./results/local/', import.meta.url)

/** One run of a scenario, as it is kept. */
export interface Result {
  scenario: string
  date: string
  quick: boolean
  machine: { cpu: string, cores: number, memoryGigabytes: number, system: string }
  versions: Record<string, string>
  cases: ResultCase[]
}

export interface ResultCase {
  name: string
  figures: ResultFigure[]
}

export interface ResultFigure {
  name: string
  unit: string
  goal?: Goal
  /** One for each repetition. */
  values: number[]
}

export function createResult (scenario: string, quick: boolean, versions: Record<string, string>, runs: readonly Case[][]): Result {
  const [cpu] = cpus()
  return {
    scenario,
    date: new Date().toISOString(),
    quick,
    machine: {
      cpu: cpu?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryGigabytes: Math.round(totalmem() / 2 ** 30),
      system: `${process.platform} ${release()}`
    },
    versions,
    cases: merge(runs)
  }
}

/** Versions of everything that is measured with. */
export function versionsOf (postgres: string): Record<string, string> {
  const require = createRequire(new URL('../packages/kafka/', import.meta.url))
  const { version: kafkajs } = require('kafkajs/package.json') as { version: string }
  const { version: pg } = require('pg/package.json') as { version: string }
  return { node: process.version.slice(1), postgres, kafka: KAFKA_VERSION, kafkajs, pg }
}

export async function writeResult (folder: URL, result: Result): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(new URL(`${result.scenario}.json`, folder), `${JSON.stringify(result, undefined, 2)}\n`)
}

/** The results of a folder by scenario. */
export async function readResults (folder: URL): Promise<Map<string, Result>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'))
  const results = await Promise.all(files.map(async (file) => JSON.parse(await readFile(new URL(file, folder), 'utf8')) as Result))
  return new Map(results.map((result) => [result.scenario, result]))
}

function merge (runs: readonly Case[][]): ResultCase[] {
  const [first = []] = runs
  return first.map(({ name, figures }) => ({
    name,
    figures: figures.map(({ value: _value, ...figure }) => ({
      ...figure,
      values: runs.map((cases) => valueOf(cases, name, figure.name))
    }))
  }))
}

function valueOf (cases: readonly Case[], name: string, figureName: string): number {
  const figure = cases.find((each) => each.name === name)?.figures.find((each) => each.name === figureName)
  if (figure === undefined) throw new Error(`expected "${figureName}" of "${name}" in every repetition, found none in one`)
  return Number(figure.value.toPrecision(4))
}
