import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const END_OF_HEADERS = '\r\n\r\n'

/**
 * Posts over keep-alive connections, one request at a time on each. Uses plain sockets: Node's HTTP client would need more CPU
 * than the service that is measured.
 *
 * @returns answers in the given time, and how long each took in milliseconds
 * @throws Error on the first answer that is not 201
 */
export async function postAll (
  { url, body, connections, seconds }: { url: string, body: string, connections: number, seconds: number }
): Promise<{ perSecond: number, timesMs: number[] }> {
  const { host, hostname, port, pathname } = new URL(url)
  const request = Buffer.from(`POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}${END_OF_HEADERS}${body}`)
  const timesMs: number[] = []
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: connections }, async () => {
    const socket = connect(Number(port), hostname)
    socket.setNoDelay(true)
    await once(socket, 'connect')
    try {
      while (performance.now() - startedAt < seconds * 1_000) {
        const sentAt = performance.now()
        socket.write(request)
        const answer = await readAnswer(socket)
        if (!answer.startsWith('HTTP/1.1 201')) throw new Error(`expected 201, found ${answer.slice(0, 500)}`)
        timesMs.push(performance.now() - sentAt)
      }
    } finally {
      socket.destroy()
    }
  }))
  return { perSecond: timesMs.length / (performance.now() - startedAt) * 1_000, timesMs }
}

async function readAnswer (socket: Socket): Promise<string> {
  let answer = ''
  for (;;) {
    const [chunk] = await once(socket, 'data') as [Buffer]
    answer += chunk.toString('latin1')
    const headersEnd = answer.indexOf(END_OF_HEADERS)
    if (headersEnd === -1) continue
    const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
    if (Number.isNaN(length)) throw new Error(`expected a content-length, found ${answer.slice(0, headersEnd)}`)
    if (answer.length >= headersEnd + END_OF_HEADERS.length + length) return answer
  }
}
