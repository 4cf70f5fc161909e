import { createHealth, createMetrics, createOpsServer, listen } from '@orders/service-kit'
import type { AddressInfo } from 'node:net'
import t from 'tap'

t.test('a port that is taken, or a host that is not here: the error names the settings', async (t) => {
  const server = () => {
    const app = createOpsServer({ health: createHealth(), registry: createMetrics({ service: 'test' }).registry })
    t.teardown(() => app.close())
    return app
  }
  const first = server()
  t.match(await listen(first, 'OPS', { OPS_HOST: '127.0.0.1', OPS_PORT: 0 }), /^http:/)
  const { port } = first.server.address() as AddressInfo
  await t.rejects(listen(server(), 'OPS', { OPS_HOST: '127.0.0.1', OPS_PORT: port }), { code: 'LISTEN_FAILED', message: /^OPS_HOST, OPS_PORT: expected .*EADDRINUSE/ })
  await t.rejects(listen(server(), 'HTTP', { HTTP_HOST: '192.0.2.1', HTTP_PORT: 0 }), { message: /^HTTP_HOST, HTTP_PORT: expected .*EADDRNOTAVAIL/ })
})
