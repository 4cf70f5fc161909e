import { fileURLToPath } from 'node:url'
import { awaitSchema } from '@orders/service-kit/await-schema'

await awaitSchema({
  name: 'order-consumer',
  directory: fileURLToPath(new URL('../../migrations/', import.meta.url))
})
