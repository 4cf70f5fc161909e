import { fileURLToPath } from 'node:url'
import { awaitSchema } from '@orders/service-kit/await-schema'

await awaitSchema({
  name: 'order-api',
  directory: fileURLToPath(new URL('../../migrations/', import.meta.url))
})
