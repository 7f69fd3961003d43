// HTTP/2 by hand (RFC 9113), for frames that no client library would send.

import tls from 'node:tls';
import { until } from './wait.js';

export const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9 };
export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4 };
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

// A header in HPACK without dynamic table: a literal with a new name, no Huffman.
const text = (value) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
export const header = (name, value) => Buffer.concat([Buffer.from([0]), text(name), text(value)]);
// GET, https, and a path and an authority of at most 126 bytes each.
export const getHead = (path, authority = 'localhost') =>
  Buffer.concat([Buffer.from([0x82, 0x87, 0x04]), text(path), Buffer.from([0x01]), text(authority)]);
export const code = (number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
};

// A connection after the handshake. `frames` are those received: [{type, flags, stream, payload}].
export class H2 {
  static open({ port, host = '127.0.0.1', localAddress }) {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ port, host, localAddress, ALPNProtocols: ['h2'], rejectUnauthorized: false });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        resolve(new H2(socket));
      });
    });
  }

  constructor(socket) {
    this.socket = socket;
    this.frames = [];
    this.closed = false;
    let rest = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const end = 9 + rest.readUIntBE(0, 3);
        this.frames.push({ type: rest[3], flags: rest[4], stream: rest.readUInt32BE(5) & 0x7fffffff, payload: rest.subarray(9, end) });
        rest = rest.subarray(end);
      }
    });
    socket.on('error', () => {});
    for (const event of ['close', 'end']) socket.on(event, () => (this.closed = true));
    socket.write(PREFACE);
    socket.write(frame(FRAME.SETTINGS, 0, 0));
  }

  // Returns false if the connection takes no more for now; `drained` waits until it does, or ends.
  send(...frames) {
    return this.closed || this.socket.write(Buffer.concat(frames));
  }

  async drained() {
    await until('room to write, or the end', () => this.closed || !this.socket.writableNeedDrain, { everyMs: 1 });
  }

  of(type) {
    return this.frames.filter((one) => one.type === type);
  }

  destroy() {
    this.socket.destroy();
  }
}
