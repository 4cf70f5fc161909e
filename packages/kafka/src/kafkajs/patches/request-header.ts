import { replaceKafkajsModule } from '../module.ts'
import type { Encoded, EncodedInPlace } from './produce-request.ts'

export interface RequestOptions {
  correlationId: number
  clientId: string
  request: { apiKey: number, apiVersion: number, encode: () => Promise<Encoded | EncodedInPlace> }
}

export type CreateRequest = (options: RequestOptions) => Promise<Encoded>

/** Length, API key and version, correlation id, length of the client id. */
const FIXED_BYTES = 4 + 2 + 2 + 4 + 2

/**
 * Writes the header into the buffer of a produce request. kafkajs copies the request into a larger, zeroed buffer to add its header,
 * and once more to add its length: three times the memory of each batch.
 */
function withHeaderInPlace (original: CreateRequest): CreateRequest {
  return async (options) => {
    const { correlationId, clientId, request } = options
    const payload = await request.encode()
    const again = () => original({ ...options, request: { ...request, encode: async () => payload } })
    if (!('whole' in payload)) return again()
    const { whole, buffer } = payload
    const idBytes = Buffer.byteLength(clientId)
    const start = whole.length - buffer.length - FIXED_BYTES - idBytes
    if (start < 0) return again()
    let at = whole.writeInt32BE(whole.length - start - 4, start)
    at = whole.writeInt16BE(request.apiKey, at)
    at = whole.writeInt16BE(request.apiVersion, at)
    at = whole.writeInt32BE(correlationId, at)
    at = whole.writeInt16BE(idBytes, at)
    whole.write(clientId, at)
    const complete = whole.subarray(start)
    return { buf: complete, buffer: complete }
  }
}

replaceKafkajsModule('protocol/request', 'patches/request-header.ts', withHeaderInPlace)
