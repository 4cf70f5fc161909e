import { fileURLToPath } from 'node:url'
import { migrate } from '@orders/service-kit/migrate'

await migrate({
  name: 'order-api',
  directory: fileURLToPath(new URL('../../migrations/', import.meta.url)),
  roles: ['order_api', 'outbox_relay', 'outbox_operator']
})
