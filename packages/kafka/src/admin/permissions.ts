import kafkajs, { type AclEntry } from '../kafkajs/index.ts'

/** One user may do one operation on one resource, from any host. */
export interface Permission {
  /** `User:` and the name. */
  principal: string
  resource: 'topic' | 'group' | 'transactional-id'
  /** Name of the resource; with `isPrefix`, of all resources that begin with it. */
  name: string
  isPrefix?: boolean
  operation: 'Read' | 'Write'
}

/** As kafkajs sends them: https://kafka.apache.org/documentation/#security_authz_primitives */
export function toAclEntries (permissions: readonly Permission[]): AclEntry[] {
  const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs
  const types = { topic: AclResourceTypes.TOPIC, group: AclResourceTypes.GROUP, 'transactional-id': AclResourceTypes.TRANSACTIONAL_ID }
  const operations = { Read: AclOperationTypes.READ, Write: AclOperationTypes.WRITE }
  return permissions.map(({ principal, resource, name, isPrefix = false, operation }) => ({
    principal,
    host: '*',
    resourceType: types[resource],
    resourceName: name,
    resourcePatternType: isPrefix ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    operation: operations[operation],
    permissionType: AclPermissionTypes.ALLOW
  }))
}
