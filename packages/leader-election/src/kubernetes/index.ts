export { KubernetesLeaseStore, type KubernetesLeaseStoreOptions } from './kubernetes-lease-store.ts'
