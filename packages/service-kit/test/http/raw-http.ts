import { connect, type AddressInfo, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'

export interface RawAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

export async function listen (t: Test, app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return (app.server.address() as AddressInfo).port
}

/** A connection whose errors only end it. */
export function open (t: Test, port: number): Socket {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.on('error', () => {})
  t.teardown(() => { socket.destroy() })
  return socket
}

/** Sends the bytes. @returns everything that the server answers until it ends the connection */
export async function talk (t: Test, port: number, bytes: string): Promise<string> {
  const socket = open(t, port)
  socket.write(bytes, 'latin1')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

/** Parses the first answer. */
export function parse (text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [line = '', ...fields] = head.split('\r\n')
  const headers = fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()] as const)
  return { status: Number(line.split(' ')[1]), headers: Object.fromEntries(headers), body: rest.join('\r\n\r\n') }
}
