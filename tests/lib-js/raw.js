// Raw bytes on a socket, for requests that no correct client sends, and for slow ones.

import net from 'node:net';
import { hopeless, until } from './wait.js';

// An open connection that stores everything it receives.
class RawConnection {
  constructor(socket, methods) {
    this.socket = socket;
    this.methods = methods;
    this.received = Buffer.alloc(0);
    this.closed = false; // by the peer, cleanly or not
    this.error = null;
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    for (const event of ['close', 'end']) socket.on(event, () => (this.closed = true));
  }

  get text() {
    return this.received.toString('latin1');
  }

  send(bytes) {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  // The complete answers so far, in order.
  answers() {
    return parseAnswers(this.received, this.methods);
  }

  // Waits for n complete answers.
  async answersOf(n, timeoutMs = 60_000) {
    return until(
      `${n} answers on a raw connection`,
      () => {
        const answers = this.answers();
        if (answers.length >= n) return answers;
        if (this.closed) throw hopeless(`closed after ${answers.length} answers: ${this.text}`);
        return null;
      },
      { timeoutMs, everyMs: 5 },
    );
  }

  // Waits for the peer to close.
  async untilClosed(timeoutMs = 60_000) {
    await until('the peer to close', () => this.closed, { timeoutMs, everyMs: 5 });
    return this.answers();
  }

  end() {
    this.socket.end();
  }

  destroy() {
    this.socket.destroy();
  }
}

export function openRaw({ port, host = '127.0.0.1', localAddress, allowHalfOpen = false, methods = [] }) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host, localAddress, allowHalfOpen, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(new RawConnection(socket, methods));
    });
  });
}

// Sends bytes and waits until the peer closes or `n` answers are complete. Returns {answers, closed, text}.
export async function rawExchange({ port, host, localAddress, bytes, n = 1, methods, timeoutMs = 60_000 }) {
  const connection = await openRaw({ port, host, localAddress, methods });
  try {
    await connection.send(bytes);
    await until(
      'an answer or the end of the connection',
      () => connection.closed || connection.answers().length >= n,
      { timeoutMs, everyMs: 5 },
    );
    const answers = connection.answers();
    return { answers, closed: connection.closed, text: connection.text };
  } finally {
    connection.destroy();
  }
}

// Converts line ends to CRLF: crlf('GET / HTTP/1.1\nHost: x\n\n').
export function crlf(text) {
  return text.replace(/\r?\n/g, '\r\n');
}

// Parses complete HTTP/1.1 answers from bytes (Content-Length, chunked, or without a body). `methods` are those of the
// requests, in order: an answer to HEAD has a length but no body.
function parseAnswers(bytes, methods = []) {
  const answers = [];
  let rest = bytes;
  while (rest.length > 0) {
    const head = rest.indexOf('\r\n\r\n');
    if (head < 0) break;
    const [first, ...lines] = rest.subarray(0, head).toString('latin1').split('\r\n');
    const status = Number(first.split(' ')[1]);
    const headers = {};
    for (const line of lines) {
      const at = line.indexOf(':');
      const name = line.slice(0, at).toLowerCase();
      const value = line.slice(at + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    const body = takeBody(
      methods[answers.length] === 'HEAD' ? 204 : status,
      headers,
      rest.subarray(head + 4),
    );
    if (body === null) break;
    const text = body.bytes.toString('utf8');
    const json = /json/.test(headers['content-type'] ?? '') && text ? JSON.parse(text) : undefined;
    answers.push({ status, headers, body: body.bytes, text, json });
    rest = body.rest;
  }
  return answers;
}

function takeBody(status, headers, bytes) {
  if (headers['transfer-encoding'] === 'chunked') return takeChunks(bytes);
  if (status < 200 || status === 204 || status === 304) {
    return { bytes: Buffer.alloc(0), rest: bytes };
  }
  const length = Number(headers['content-length'] ?? 0);
  if (bytes.length < length) return null;
  return { bytes: bytes.subarray(0, length), rest: bytes.subarray(length) };
}

function takeChunks(bytes) {
  const parts = [];
  let rest = bytes;
  for (;;) {
    const line = rest.indexOf('\r\n');
    if (line < 0) return null;
    const size = Number.parseInt(rest.subarray(0, line).toString('latin1'), 16);
    const end = line + 2 + size;
    if (rest.length < end + 2) return null;
    if (size === 0) return { bytes: Buffer.concat(parts), rest: rest.subarray(end + 2) };
    parts.push(rest.subarray(line + 2, end));
    rest = rest.subarray(end + 2);
  }
}
