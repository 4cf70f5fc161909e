import { fileURLToPath } from 'node:url'
import { migrate } from '@orders/service-kit/migrate'

await migrate({
  name: 'order-consumer',
  directory: fileURLToPath(new URL('../../migrations/', import.meta.url)),
  roles: ['order_consumer']
})
