import { request } from 'node:https'
import { readFile } from 'node:fs/promises'
import type { Fault } from './fault.ts'
import { leaderOf } from './process-faults.ts'
import type { World } from '../system/world.ts'

const AFFECTS = ['kubernetes'] as const

function kubernetesOf ({ kubernetes }: World) {
  if (kubernetes === undefined) throw new Error('expected an API server, found none')
  return kubernetes.kubernetes
}

function accountOf ({ account }: World) {
  if (account === undefined) throw new Error('expected a service account, found none')
  return account
}

/** What says who should lead, and the links to it. */
export const leaseFaults: readonly Fault[] = [
  {
    f: 'F9',
    title: 'the lease is deleted',
    places: ['lease'],
    forMs: [1_000, 2_000],
    async start (world) {
      await deleteLease(world)
      return { target: 'lease', affects: AFFECTS, heal: async () => {} }
    }
  },
  {
    f: 'F5',
    title: 'the leading relay is cut off from the API server, and nobody else',
    places: ['links to the lease'],
    forMs: [4_000, 14_000],
    needs: 'kubernetes',
    start (world) {
      const leader = leaderOf(world)
      const link = world.link(leader, 'kubernetes')
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
    async start (world) {
      const { apiServer } = kubernetesOf(world)
      apiServer.kill('SIGKILL')
      await apiServer.exited
      return { target: 'kube-apiserver', affects: AFFECTS, heal: () => kubernetesOf(world).start() }
    }
  },
  {
    f: 'F6',
    title: 'the API server is frozen, then thawed',
    places: ['lease'],
    forMs: [2_000, 14_000],
    needs: 'kubernetes',
    start (world) {
      const { apiServer } = kubernetesOf(world)
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
    title: 'packets between a relay and the API server vanish: its watch is dead and does not know',
    places: ['links to the lease'],
    forMs: [4_000, 14_000],
    needs: 'kubernetes',
    start (world, random) {
      const relay = random.pick(world.relays)
      const link = world.link(relay, 'kubernetes')
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
    async start (world) {
      await accountOf(world).revokeRights()
      return { target: 'RoleBinding of the relays', affects: AFFECTS, heal: () => accountOf(world).grantRights() }
    }
  },
  {
    f: 'F10',
    title: 'the relays\' credentials are revoked, and replaced later: the API server answers 401',
    places: ['lease'],
    // For the first ten seconds the API server goes by what it remembers of a token.
    forMs: [14_000, 22_000],
    needs: 'kubernetes',
    async start (world) {
      await accountOf(world).revokeCredentials()
      return { target: 'service account of the relays', affects: AFFECTS, heal: () => accountOf(world).grantCredentials() }
    }
  },
  {
    f: 'F11',
    title: 'etcd is frozen, then thawed',
    places: ['lease'],
    forMs: [2_000, 14_000],
    needs: 'kubernetes',
    start (world) {
      const { etcd } = kubernetesOf(world)
      etcd.kill('SIGSTOP')
      return { target: 'etcd', affects: AFFECTS, heal: async () => { etcd.kill('SIGCONT') } }
    }
  }
]

async function deleteLease (world: World): Promise<void> {
  if (world.kubernetes === undefined) {
    await world.admin.query('DELETE FROM leader_lease').catch(() => {})
    return
  }
  const config = JSON.parse(await readFile(kubernetesOf(world).kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { server: string, 'certificate-authority-data': string } }]
    users: [{ user: { token: string } }]
  }
  const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster
  await new Promise<void>((resolve) => {
    const call = request(`${server}/apis/coordination.k8s.io/v1/namespaces/default/leases/${world.leaseName}`, {
      method: 'DELETE', timeout: 5_000, ca: Buffer.from(ca, 'base64'), headers: { authorization: `Bearer ${config.users[0].user.token}` }
    }, (response) => { response.resume().once('end', resolve) })
    // Another fault may have been here first.
    call.once('timeout', () => { call.destroy() })
    call.once('error', () => { resolve() })
    call.end()
  })
}
