import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { freePort } from '../../../servers/index.ts'
import t from 'tap'

t.test('no port is given out twice, not to another process either, before any process listens on it', async (t) => {
  const own = await Promise.all(Array.from({ length: 500 }, () => freePort()))
  const script = `
    import { freePort } from '../../../servers/index.ts'
    for (let count = 0; count < 500; count++) console.log(await freePort())`
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@orders/source', '--input-type=module', '--eval', script], { cwd: import.meta.dirname })
  const others = stdout.trim().split('\n').map(Number)
  t.equal(new Set([...own, ...others]).size, 1_000)
})
