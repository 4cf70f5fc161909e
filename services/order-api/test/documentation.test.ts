import t from 'tap'
import { openApi } from './described.ts'
import { orderApi } from './order-api.ts'

t.test('/docs serves the document, and a page without external resources', async (t) => {
  const { app } = await orderApi(t)
  const entry = await app.inject('/docs')
  const page = entry.statusCode === 302 ? await app.inject(String(entry.headers.location).replace(/^\.\//, '/')) : entry
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], /^text\/html/)
  const files = [...page.payload.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file)
  t.ok(files.length >= 3, files.join())
  for (const file of files) {
    t.notMatch(file, /^(https?:)?\/\//, `${file} is our own`)
    t.equal((await app.inject(new URL(file, 'http://x/docs/').pathname)).statusCode, 200, file)
  }
  const policy = String(page.headers['content-security-policy'])
  t.match(policy, /script-src 'self'/)
  t.notMatch(page.payload, /<script>[^<]/, 'no script in the page itself, which that policy would stop')
  t.notMatch(policy, /upgrade-insecure-requests/, 'which would ask for those files by HTTPS')
  t.same((await app.inject('/docs/json')).json(), openApi)
})

t.test('with ORDER_API_DOCS=false there is no /docs', async (t) => {
  const api = await orderApi(t, { env: { ORDER_API_DOCS: 'false' } })
  for (const url of ['/docs', '/docs/json']) t.equal((await api.request({ url })).statusCode, 404)
  t.equal((await api.create()).statusCode, 201)
})

t.test('answers disclose no versions, and forbid content sniffing', async (t) => {
  const api = await orderApi(t)
  for (const response of [await api.create(), await api.request({ url: '/nowhere' })]) {
    t.notOk(response.headers['x-powered-by'])
    t.notOk(response.headers.server)
    t.equal(response.headers['x-content-type-options'], 'nosniff')
  }
})
