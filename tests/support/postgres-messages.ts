import type { Socket } from 'node:net'

const HEAD = 5

/** Calls `tell` for each complete message (PostgreSQL, "Message Formats"), with its type. */
export function readMessages(socket: Socket, tell: (type: string, message: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= HEAD && rest.length >= 1 + rest.readInt32BE(1)) {
      const message = rest.subarray(0, 1 + rest.readInt32BE(1))
      rest = rest.subarray(message.length)
      tell(String.fromCharCode(message[0] ?? 0), message)
    }
  })
}

/** A message of one type. */
export function postgresMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(HEAD)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + HEAD - 1, 1)
  return Buffer.concat([head, body])
}
