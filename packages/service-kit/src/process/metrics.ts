import { collectDefaultMetrics, Registry } from 'prom-client'

export interface Metrics {
  registry: Registry
}

/** A registry with the metrics of the process. Every series has the name of the service as a label. */
export function createMetrics ({ service }: { service: string }): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  return { registry }
}
