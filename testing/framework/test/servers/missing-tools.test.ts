import { once } from 'node:events'
import { chmod, symlink, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { LocalStackOptions } from '../../../servers/index.ts'
import t, { type Test } from 'tap'
import { dataFolders, openFolder, startOwner } from './fixtures/own-process.ts'

/** The error on a machine that has only the given programs: scripts by their text, `true` for the real one. */
async function refusal (t: Test, options: LocalStackOptions, programs: Record<string, string | true> = {}, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const [path, data, cache] = [await openFolder(t), await openFolder(t), await openFolder(t)]
  for (const [name, program] of Object.entries(programs)) {
    if (program === true) await symlink(execFileSync('/bin/sh', ['-c', `command -v ${name}`]).toString().trim(), join(path, name))
    else await writeExecutable(join(path, name), program)
  }
  const { process: owner, result } = startOwner(t, options, { PATH: path, TMPDIR: data, ORDERS_OUTBOX_CACHE: cache, KUBEBUILDER_ASSETS: '', ...env })
  const exited = once(owner, 'exit')
  const refused = await result
  await exited
  t.same([...await dataFolders(data), ...await dataFolders(cache)], [], 'nothing is left, neither data nor half a download')
  return refused
}

async function writeExecutable (file: string, script: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
}

const missing = (message: string) => ({ code: 'LOCAL_STACK_MISSING_TOOL', message })

t.test('Kafka without Java, with one that is too old, and without Maven', async (t) => {
  t.match(await refusal(t, { kafka: true }), missing(
    'Kafka needs Java 17 or newer (java on the PATH), found none. Install it, or point KAFKA_BROKERS to an existing server.'))
  t.match(await refusal(t, { kafka: true }, { java: 'echo \'openjdk version "11.0.29" 2025-10-21\' >&2' }), missing(
    'Kafka needs Java 17 or newer (java on the PATH), found 11. Install it, or point KAFKA_BROKERS to an existing server.'))
  t.match(await refusal(t, { kafka: true }, { java: true }), missing(
    'Kafka needs Maven 3.8 or newer (mvn on the PATH), found none. Install it, or point KAFKA_BROKERS to an existing server.'))
})

t.test('a download that fails says how, and is begun anew the next time', async (t) => {
  const mvn = 'case "$*" in -v) exit 0;; esac; echo "no route to host"; exit 1'
  t.match(await refusal(t, { kafka: true }, { java: true, mvn }), { code: 'LOCAL_STACK_COMMAND', message: /ended with 1:\nno route to host/ })
})

t.test('the Kubernetes API server without Go, and with one that is too old', async (t) => {
  const variable = 'point LOCAL_STACK_KUBECONFIG (or KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver) to an existing server.'
  t.match(await refusal(t, { kubernetes: true }), missing(
    `the Kubernetes API server needs Go 1.26 or newer (go on the PATH), found none. Install it, or ${variable}`))
  t.match(await refusal(t, { kubernetes: true }, { go: 'echo go version go1.19.8 linux/amd64' }), missing(
    `the Kubernetes API server needs Go 1.26 or newer (go on the PATH), found 1.19.8. Install it, or ${variable}`))
})

t.test('KUBEBUILDER_ASSETS is where the programs are taken from, and nothing is built then', async (t) => {
  const assets = await openFolder(t)
  await writeExecutable(join(assets, 'etcd'), 'exec sleep 1000')
  t.match(await refusal(t, { kubernetes: true }, { sleep: true }, { KUBEBUILDER_ASSETS: assets }), {
    code: 'LOCAL_STACK_MISSING_TOOL', message: /kube-apiserver .*KUBEBUILDER_ASSETS/
  })
  await writeExecutable(join(assets, 'kube-apiserver'), 'echo "the one of the assets"; exit 1')
  t.match(await refusal(t, { kubernetes: true }, { sleep: true }, { KUBEBUILDER_ASSETS: assets }), {
    code: 'LOCAL_STACK_SERVER', message: /^kube-apiserver ended while it started[^]*the one of the assets/
  })
})
