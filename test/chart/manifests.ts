import { loadYaml } from '@kubernetes/client-node'

export interface Manifest {
  /** As it is sent: the API server reads YAML as Helm does (0440 is octal), this side does not. */
  text: string
  object: { apiVersion: string, kind: string, metadata: { name: string, namespace?: string } & Record<string, unknown> } & Record<string, unknown>
}

/** The documents of a stream of YAML. */
export function splitManifests (yaml: string): Manifest[] {
  return yaml.split(/^---$/m)
    .filter((text) => /^kind:/m.test(text))
    .map((text) => ({ text, object: loadYaml<Manifest['object']>(text) }))
}

export function nameOf ({ object: { kind, metadata: { name } } }: Manifest): string {
  return `${kind} ${name}`
}
