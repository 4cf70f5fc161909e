import { Kafka } from './kafka.ts'
import { Kubernetes } from './kubernetes.ts'
import { Postgres } from './postgres.ts'
import type { Progress } from './progress.ts'

export interface LocalStackOptions {
  postgres?: boolean
  kafka?: boolean
  kubernetes?: boolean
  /** Keep the data directories. */
  keep?: boolean
  progress?: Progress
}

export interface LocalStack {
  /** Superuser's URL, if Postgres was asked for. `external`: it was there before, and stays. */
  postgres: { url: string, external: boolean } | undefined
  kafka: { brokers: string, external: boolean } | undefined
  kubernetes: { kubeconfig: string, external: boolean } | undefined
  close: () => Promise<void>
}

/**
 * Starts the servers that are asked for, side by side. One that already exists is used instead: `DATABASE_URL`,
 * `KAFKA_BROKERS`, `LOCAL_STACK_KUBECONFIG` (not `KUBECONFIG`, which may point to a real cluster).
 *
 * @throws MissingToolError | ServerError
 */
export async function startLocalStack (options: LocalStackOptions): Promise<LocalStack> {
  const { DATABASE_URL: url, KAFKA_BROKERS: brokers, LOCAL_STACK_KUBECONFIG: kubeconfig } = process.env
  const { keep = false, progress = () => {} } = options
  const started: Array<{ close: () => Promise<void> }> = []
  const own = async <Server extends { close: () => Promise<void> }>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting
    started.push(server)
    return server
  }
  const close = async () => { await Promise.all(started.map((server) => server.close())) }
  const starting = [
    options.postgres === true ? existingOr(url, (url) => ({ url }), () => own(Postgres.start({ keep }))) : Promise.resolve(undefined),
    options.kafka === true ? existingOr(brokers, (brokers) => ({ brokers }), () => own(Kafka.start({ keep, progress }))) : Promise.resolve(undefined),
    options.kubernetes === true
      ? existingOr(kubeconfig, (kubeconfig) => ({ kubeconfig }), () => own(Kubernetes.start({ keep, progress })))
      : Promise.resolve(undefined)
  ] as const
  try {
    const [postgres, kafka, kubernetes] = await Promise.all(starting)
    return {
      postgres: postgres && { url: postgres.url, external: !(postgres instanceof Postgres) },
      kafka: kafka && { brokers: kafka.brokers, external: !(kafka instanceof Kafka) },
      kubernetes: kubernetes && { kubeconfig: kubernetes.kubeconfig, external: !(kubernetes instanceof Kubernetes) },
      close
    }
  } catch (error) {
    // The others may still be starting.
    await Promise.allSettled(starting)
    await close()
    throw error
  }
}

async function existingOr<Existing, Own> (
  value: string | undefined, toServer: (value: string) => Existing, start: () => Promise<Own>
): Promise<Existing | Own> {
  return value === undefined || value === '' ? start() : toServer(value)
}
