// hostile.js WHAT JSON: one of the clients of hostile.suite.js, in its own process, which runs for `seconds`.
// `neighbour` is the harmless client: it sends requests at a fixed rate from its own address. For each one it prints
// when it was sent, how long the answer took, and how long the service's loop waited for a CPU meanwhile, in ms.
// The others are attackers, which print what they did.
//
//   {port, tls, paths, post, seconds, perS, patienceMs, big, stream, from, pid}     from: our source addresses; pid: of the service

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { code, FLAG, FRAME, frame, getHead, H2, header } from '../../../tests/lib-js/h2.js';
import { delay } from '../../../tests/lib-js/wait.js';

const [what, json] = process.argv.slice(2);
const to = JSON.parse(json);
const end = performance.now() + to.seconds * 1000;
const goesOn = () => performance.now() < end;
const counts = { opened: 0, refused: 0, sent: 0 };

let turn = 0;
const source = () => to.from[(turn += 1) % to.from.length];

// Returns a connection, or null if it is not accepted.
function connect(options = {}) {
  return new Promise((resolve) => {
    const at = { port: to.port, host: '127.0.0.1', localAddress: source(), ...options };
    const socket = to.tls ? tls.connect({ ...at, rejectUnauthorized: false }) : net.connect(at);
    socket.on('error', () => {
      counts.refused += 1;
      resolve(null);
    });
    socket.once(to.tls ? 'secureConnect' : 'connect', () => {
      counts.opened += 1;
      resolve(socket);
    });
  });
}

// Keeps `count` connections going: each is replaced when it has ended.
const many = (count, once) => Promise.all(Array.from({ length: count }, async () => {
  while (goesOn()) {
    const socket = await connect(once.options);
    if (socket === null) await delay(20);
    else {
      await once(socket);
      socket.destroy();
    }
  }
}));

const isOpen = (socket) => goesOn() && !socket.destroyed && !socket.readableEnded;
const write = (socket, bytes) => {
  counts.sent += 1;
  return socket.write(bytes) ? null : new Promise((resolve) => {
    for (const event of ['drain', 'close', 'error']) socket.once(event, resolve);
    setTimeout(resolve, Math.max(0, end - performance.now()));
  });
};
const head = (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`;

async function drips(socket, first, more) {
  socket.resume();
  socket.write(first);
  while (isOpen(socket)) {
    await delay(300);
    if (!socket.destroyed) socket.write(more);
  }
}

async function unread(socket, bytes) {
  socket.pause();
  socket.write(bytes);
  for (let i = 0; i < 10 && isOpen(socket); i += 1) await delay(200);
}

async function streams(make) {
  while (goesOn()) {
    const h2 = await H2.open({ port: to.port, localAddress: source() }).catch(() => null);
    if (h2 === null) {
      counts.refused += 1;
      await delay(20);
      continue;
    }
    counts.opened += 1;
    h2.socket.on('error', () => {});
    for (let n = 0; goesOn() && !h2.closed; n += 20) {
      for (let i = 0; i < 20; i += 1) h2.send(...make(n + i));
      counts.sent += 20;
      await Promise.race([h2.drained().catch(() => {}), delay(end - performance.now())]);
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    h2.destroy();
  }
}

const half = async (socket) => {
  socket.resume();
  socket.end(`${head('/')}X-Half: `);
  while (isOpen(socket)) await delay(20);
};
half.options = { allowHalfOpen: true };

const ATTACKS = {
  'slow heads': () => many(500, (socket) => drips(socket, head('/'), 'X-Slow: y\r\n')),
  'slow bodies': () => many(500, (socket) => drips(socket, `POST ${to.post} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{`, ' ')),
  'readers that do not read': () => many(300, (socket) => unread(socket, `${head(to.big)}\r\n`.repeat(100))),
  'streams that nobody reads': () => many(300, (socket) => unread(socket, `${head(to.stream)}\r\n`)),
  'floods of headers': () => many(20, async (socket) => {
    socket.resume();
    const bytes = `${head('/')}${`X-Flood: ${'y'.repeat(200)}\r\n`.repeat(55)}\r\n`;
    while (isOpen(socket)) await write(socket, bytes);
  }),
  'floods of connections': () => many(100, async () => {}),
  'floods of pipelined requests': () => many(10, async (socket) => {
    socket.resume();
    const bytes = `${head(to.paths[0])}\r\n`.repeat(500);
    while (isOpen(socket)) await write(socket, bytes);
  }),
  'half-closed sockets': () => many(200, half),
  'rapid reset': () => Promise.all(Array.from({ length: 4 }, () => streams((n) => [
    frame(FRAME.HEADERS, FLAG.END_STREAM | FLAG.END_HEADERS, 2 * n + 1, getHead(to.paths[0])), frame(FRAME.RST_STREAM, 0, 2 * n + 1, code(8))]))),
  'CONTINUATION without end': () => Promise.all(Array.from({ length: 20 }, () => streams((n) => (n === 0
    ? [frame(FRAME.HEADERS, FLAG.END_STREAM, 1, getHead(to.paths[0]))] : [frame(FRAME.CONTINUATION, 0, 1, header('x-more', 'y'.repeat(100)))])))),
};

// Returns a function: how long a process's first thread, which runs its loop, has waited for a processor so far, in ms.
// Once the process has ended, it returns the last value.
function waitedOf(pid) {
  let ms = 0;
  return () => {
    try {
      ms = Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
    return ms;
  };
}

// An open loop: every request is due at a fixed time. Every fourth uses a new connection.
async function neighbour() {
  const waited = waitedOf(to.pid);
  const { request, Agent } = to.tls ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 64, rejectUnauthorized: false });
  const took = [];
  const all = { began: performance.now(), asked: [] };
  let lost = 0;
  const ask = (n) => new Promise((resolve) => {
    const before = waited();
    const began = performance.now();
    const done = (good) => {
      const ms = performance.now() - began;
      if (good) took.push([began - all.began, ms, waited() - before]);
      else lost += 1;
      resolve();
    };
    const options = { port: to.port, host: '127.0.0.1', localAddress: to.from[0], path: to.paths[n % to.paths.length], agent: n % 4 === 0 ? false : agent, rejectUnauthorized: false };
    const call = request(options, (answer) => {
      answer.resume();
      answer.on('end', () => done(answer.statusCode === 200));
      answer.on('error', () => done(false));
    });
    call.setTimeout(to.patienceMs, () => call.destroy(new Error('no answer')));
    call.on('error', () => done(false));
    call.end();
  });
  for (let n = 0; goesOn(); n += 1) {
    const due = all.began + (n * 1000) / to.perS;
    if (due > performance.now()) await delay(due - performance.now());
    all.asked.push(ask(n));
  }
  await Promise.all(all.asked);
  return { asked: all.asked.length, lost, took };
}

const out = what === 'neighbour' ? await neighbour() : (await ATTACKS[what](), counts);
process.stdout.write(JSON.stringify(out), () => process.exit(0));
