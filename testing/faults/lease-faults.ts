import { request } from 'node:https'
import { readFile } from 'node:fs/promises'
import type { Fault } from './fault.ts'
import { leaderOf } from './process-faults.ts'
import type { System } from '../system/system.ts'

const AFFECTS = ['kubernetes'] as const

function kubernetesOf ({ kubernetes }: System) {
  if (kubernetes === undefined) throw new Error('expected an API server, found none')
  return kubernetes.kubernetes
}

function accountOf ({ account }: System) {
  if (account === undefined) throw new Error('expected a service account, found none')
  return account
}

/** The lease store, and the links to it. */
export const leaseFaults: readonly Fault[] = [
  {
    f: 'F9',
    title: 'the lease is deleted',
    places: ['lease'],
    forMs: [1_000, 2_000],
    async start (system) {
      await deleteLease(system)
      return { target: 'lease', affects: AFFECTS, heal: async () => {} }
    }
  },
  {
    f: 'F5',
    title: 'only the leading relay is cut off from the API server',
    places: ['links to the lease'],
    forMs: [4_000, 14_000],
    needs: 'kubernetes',
    start (system) {
      const leader = leaderOf(system)
      const link = system.link(leader, 'kubernetes')
      link.cut()
      return { target: `${leader.name} ↔ kubernetes`, affects: AFFECTS, heal: async () => { link.heal() } }
    }
  },
  {
    f: 'F6',
    title: 'kill -9 of the API server',
    places: ['lease'],
    forMs: [2_000, 12_000],
    needs: 'kubernetes',
    async start (system) {
      const { apiServer } = kubernetesOf(system)
      apiServer.kill('SIGKILL')
      await apiServer.exited
      return { target: 'kube-apiserver', affects: AFFECTS, heal: () => kubernetesOf(system).start() }
    }
  },
  {
    f: 'F6',
    title: 'the API server is frozen, then thawed',
    places: ['lease'],
    forMs: [2_000, 14_000],
    needs: 'kubernetes',
    start (system) {
      const { apiServer } = kubernetesOf(system)
      apiServer.kill('SIGSTOP')
      return { target: 'kube-apiserver', affects: AFFECTS, heal: async () => { apiServer.kill('SIGCONT') } }
    }
  },
  {
    f: 'F7',
    title: 'the API server answers two seconds later',
    places: ['links to the lease'],
    forMs: [3_000, 12_000],
    needs: 'kubernetes',
    start ({ kubernetes }) {
      const links = [...kubernetes?.links.values() ?? []]
      for (const link of links) link.delay(1_000)
      return { target: 'relays ↔ kubernetes', affects: AFFECTS, heal: async () => { for (const link of links) link.heal() } }
    }
  },
  {
    f: 'F8',
    title: 'packets between a relay and the API server are lost: its watch hangs without a disconnect',
    places: ['links to the lease'],
    forMs: [4_000, 14_000],
    needs: 'kubernetes',
    start (system, random) {
      const relay = random.pick(system.relays)
      const link = system.link(relay, 'kubernetes')
      link.hang()
      return { target: `${relay.name} ↔ kubernetes`, affects: AFFECTS, heal: async () => { link.heal() } }
    }
  },
  {
    f: 'F10',
    title: 'the relays lose their rights: the API server answers 403',
    places: ['lease'],
    forMs: [3_000, 12_000],
    needs: 'kubernetes',
    async start (system) {
      await accountOf(system).revokeRights()
      return { target: 'RoleBinding of the relays', affects: AFFECTS, heal: () => accountOf(system).grantRights() }
    }
  },
  {
    f: 'F10',
    title: 'the relays\' credentials are revoked, and replaced later: the API server answers 401',
    places: ['lease'],
    // The API server caches the check of a token for ten seconds.
    forMs: [14_000, 22_000],
    needs: 'kubernetes',
    async start (system) {
      await accountOf(system).revokeCredentials()
      return { target: 'service account of the relays', affects: AFFECTS, heal: () => accountOf(system).grantCredentials() }
    }
  },
  {
    f: 'F11',
    title: 'etcd is frozen, then thawed',
    places: ['lease'],
    forMs: [2_000, 14_000],
    needs: 'kubernetes',
    start (system) {
      const { etcd } = kubernetesOf(system)
      etcd.kill('SIGSTOP')
      return { target: 'etcd', affects: AFFECTS, heal: async () => { etcd.kill('SIGCONT') } }
    }
  }
]

async function deleteLease (system: System): Promise<void> {
  if (system.kubernetes === undefined) {
    await system.admin.query('DELETE FROM leader_lease').catch(() => {})
    return
  }
  const config = JSON.parse(await readFile(kubernetesOf(system).kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { server: string, 'certificate-authority-data': string } }]
    users: [{ user: { token: string } }]
  }
  const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster
  await new Promise<void>((resolve) => {
    const call = request(`${server}/apis/coordination.k8s.io/v1/namespaces/default/leases/${system.leaseName}`, {
      method: 'DELETE', timeout: 5_000, ca: Buffer.from(ca, 'base64'), headers: { authorization: `Bearer ${config.users[0].user.token}` }
    }, (response) => { response.resume().once('end', resolve) })
    // Another fault may have deleted it already.
    call.once('timeout', () => { call.destroy() })
    call.once('error', () => { resolve() })
    call.end()
  })
}
