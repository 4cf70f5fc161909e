import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SIZE = '1000m'

/** A file system of its own that can be filled. */
export interface SmallDisk {
  folder: string
  fill: () => Promise<void>
  free: () => Promise<void>
  unmount: () => Promise<void>
}

/** @throws Error when this process may not mount */
export async function mountSmallDisk (): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'orders-disk-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder])
  } catch (error) {
    await rmdir(folder)
    throw new Error(`small disks need a process that may mount a tmpfs (root): ${(error as Error).message}`, { cause: error })
  }
  // Postgres runs as another user when we are root.
  await chmod(folder, 0o1777)
  const ballast = join(folder, 'ballast')
  return {
    folder,
    async fill () {
      // Ends when the disk is full. The smaller blocks fill the space that the larger ones leave.
      for (const block of ['1M', '4k']) await run('dd', ['if=/dev/zero', `of=${ballast}-${block}`, `bs=${block}`]).catch(() => {})
    },
    async free () {
      for (const block of ['1M', '4k']) await rm(`${ballast}-${block}`, { force: true })
    },
    async unmount () {
      await run('umount', [folder])
      await rmdir(folder)
    }
  }
}
