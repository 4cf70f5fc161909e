import type { FastifyInstance, FastifyRequest, HTTPMethods } from 'fastify'
import { ProblemError } from './problem.ts'

/** Methods that change nothing (RFC 9110, 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
/** `uri-host [ ":" port ]` of RFC 3986. May be empty. */
const HOST = /^(\[[0-9a-fA-F:.]+\]|\[v[0-9a-fA-F]+\.[!$&'()*+,;=:\w.~-]+\]|(?:[!$&'()*+,;=\w.~-]|%[0-9a-fA-F]{2})*)(:\d*)?$/
/** The host of a request whose target is a whole URL (absolute form). */
const TARGET_HOST = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i
/** Node keeps the first of several such headers. Another reader, such as a gateway, may take the last. */
const ONCE = ['host', 'content-type']
/** https://encoding.spec.whatwg.org/#names-and-labels */
const UTF_8 = new Set(['utf-8', 'utf8'])
/** A parameter of a media type: a token or a quoted string. */
const PARAMETER = /;\s*([^\s;="]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g

/**
 * Refuses requests that two readers of HTTP could understand differently, requests without a route, and requests that a browser
 * sends for another site. Runs before the body is read.
 */
export function useRequestRules (app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    requireOneReading(request)
    refuseExpectation(request)
    if (request.is404) throw notFound(app, request)
    refuseOtherSites(request)
    checkBodyHeaders(request)
  })
}

/** 405 with `Allow` if the path has other methods, else 404. */
export function notFound (app: FastifyInstance, request: FastifyRequest): ProblemError {
  const path = request.url.split('?', 1)[0] ?? request.url
  const allow = allowedMethods(app, path)
  if (allow.length === 0 || allow.includes(request.method)) return new ProblemError(404, 'not-found', `there is no ${request.method} ${path}`)
  return new ProblemError(405, 'method-not-allowed', `expected ${allow.join(' or ')} for ${path}, found ${request.method}`, { headers: { allow: allow.join(', ') } })
}

/** The methods that have a route for this path. */
function allowedMethods (app: FastifyInstance, path: string): string[] {
  return app.supportedMethods.filter((method) => app.findRoute({ method: method as HTTPMethods, url: path }) !== null).sort()
}

function requireOneReading ({ raw, headers }: FastifyRequest): void {
  const seen = new Set<string>()
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const name = raw.rawHeaders[index]?.toLowerCase() ?? ''
    if (!ONCE.includes(name)) continue
    if (seen.has(name)) throw new ProblemError(400, 'invalid-request', `expected one header ${name}, found two`)
    seen.add(name)
  }
  if (headers.host === undefined) {
    if (raw.httpVersion !== '1.0') throw new ProblemError(400, 'invalid-request', 'expected a header host, found none')
  } else if (!HOST.test(headers.host)) {
    throw new ProblemError(400, 'invalid-request', 'expected a host and a port in the header host, found something else')
  }
  const [, targetHost] = TARGET_HOST.exec(raw.url ?? '') ?? []
  if (targetHost !== undefined && targetHost.toLowerCase() !== headers.host?.toLowerCase()) {
    throw new ProblemError(400, 'invalid-request', 'expected the host of the URL in the header host, found another')
  }
}

function refuseExpectation ({ headers }: FastifyRequest): void {
  if (headers.expect === undefined || headers.expect.toLowerCase() === '100-continue') return
  throw new ProblemError(417, 'invalid-request', 'expected 100-continue or no header expect, found something else')
}

/**
 * A page of another site can make a browser send a POST without a body. The request carries everything by which a gateway
 * recognizes the browser: cookies, client certificates, its address. Only browsers send these headers, and scripts cannot set them.
 *
 * The rules are those of Go's http.CrossOriginProtection: https://pkg.go.dev/net/http#CrossOriginProtection
 */
function refuseOtherSites ({ method, headers }: FastifyRequest): void {
  if (SAFE_METHODS.has(method)) return
  const site = headers['sec-fetch-site']
  if (site === 'same-origin' || site === 'none') return
  // Browsers from before 2020 (Safari: 2023) send only Origin. "null" is the origin of a sandbox or a local file.
  if (site === undefined && (headers.origin === undefined || hostOf(headers.origin) === headers.host?.toLowerCase())) return
  throw new ProblemError(403, 'cross-site', `expected ${method} from a page of this service or from a client that is not a browser, found a page of another site`)
}

function hostOf (origin: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#\s]+)$/i.exec(origin)?.[1]?.toLowerCase()
}

function checkBodyHeaders (request: FastifyRequest): void {
  const { headers } = request
  const { 'content-type': type, 'content-encoding': encoding, 'transfer-encoding': transfer } = headers
  if (transfer === undefined && (headers['content-length'] === undefined || /^0+$/.test(headers['content-length']))) {
    // Some clients send it with every request. Without a body it means nothing, but Fastify would try to parse one.
    delete headers['content-type']
    return
  }
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    throw new ProblemError(415, 'unsupported-media-type', 'expected a body without Content-Encoding, found one with it', { headers: { 'accept-encoding': 'identity' } })
  }
  // Node ignores any coding before `chunked`, and would not decode it.
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked') {
    throw new ProblemError(415, 'unsupported-media-type', 'expected chunked or no Transfer-Encoding, found another one')
  }
  for (const [, name = '', quoted, token = ''] of (type ?? '').matchAll(PARAMETER)) {
    if (!/^charset\*?$/i.test(name)) continue
    const charset = quoted?.replaceAll(/\\(.)/g, '$1') ?? token.trim()
    if (!UTF_8.has(charset.toLowerCase())) throw new ProblemError(415, 'unsupported-media-type', 'expected a body in UTF-8, found another charset')
  }
}
