import { join } from 'node:path'
import { cachedFolder, cacheDirectory, MissingToolError, runCommand } from '@orders/testing/servers'

/** Pinned: a newer version reports other findings. */
export const SCHEMATHESIS_VERSION = '4.32.5'

export interface Schemathesis {
  command: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
}

/**
 * Schemathesis (https://schemathesis.readthedocs.io), which needs Python 3.10 or newer with pip: installed once into the cache
 * folder, or the command that `SCHEMATHESIS` names.
 *
 * @throws MissingToolError
 */
export async function installSchemathesis (progress: (line: string) => void): Promise<Schemathesis> {
  const { SCHEMATHESIS: chosen } = process.env
  if (chosen !== undefined && chosen !== '') return { command: chosen, args: [], env: process.env }
  const folder = join(cacheDirectory(), `schemathesis-${SCHEMATHESIS_VERSION}`)
  try {
    await cachedFolder(folder, async (unfinished) => {
      progress(`installing schemathesis ${SCHEMATHESIS_VERSION} with pip, once`)
      await runCommand('python3', ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', unfinished, `schemathesis==${SCHEMATHESIS_VERSION}`])
    }, progress)
  } catch (error) {
    const found = (error as Error).message.trim().split('\n').slice(-3).join(' ')
    throw new MissingToolError(
      `schemathesis ${SCHEMATHESIS_VERSION} (Python 3.10 or newer, pip, and its package index)`, 'once', found,
      'The test of the OpenAPI documents', 'SCHEMATHESIS', 'command (or set it to off to do without the test)'
    )
  }
  return { command: 'python3', args: ['-c', 'from schemathesis.cli import schemathesis; schemathesis()'], env: { ...process.env, PYTHONPATH: folder } }
}
