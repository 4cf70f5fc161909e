import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from '@orders/testing/framework'
import { kubectlOptions } from './cluster.ts'

/** The address of a Service on this machine, until the test ends. It leads to one pod of the Service. */
export async function portForward (t: TestContext, service: string): Promise<string> {
  const child = spawn(process.env.KUBECTL ?? 'kubectl', [...kubectlOptions(), 'port-forward', `service/${service}`, ':http'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line) ?? []
    if (port !== undefined) {
      child.stdout.resume()
      return `http://127.0.0.1:${port}`
    }
  }
  throw new Error(`expected kubectl to forward to ${service}, found it ended`)
}
