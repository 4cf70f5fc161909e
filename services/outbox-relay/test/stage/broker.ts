import { Kafka } from '@orders/testing/servers'
import { TcpProxy, type TestContext } from '@orders/testing/framework'

/** A broker that all its clients reach through a proxy. */
export async function brokerBehindProxy (t: TestContext): Promise<{ broker: Kafka, proxy: TcpProxy }> {
  // The broker has to advertise the proxy, and the proxy to know the broker: its target is set when it is there.
  const proxy = await TcpProxy.start()
  t.teardown(() => proxy.close())
  const broker = await Kafka.start({ advertise: proxy.address })
  t.teardown(() => broker.close())
  proxy.forwardTo(broker.address)
  return { broker, proxy }
}
