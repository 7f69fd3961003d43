// Ports for tests that run in parallel, in slices below the kernel's range for outgoing connections, so that none of those
// uses our ports. A process holds its slice as long as it lives: the slice's name is a socket that only one process can
// hold, and the kernel frees it.

import { createConnection, createServer } from 'node:net';

const LOW = 23_000;
const SLICE = 50; // enough for a whole stack
const SLICES = 180;

function listens(at) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(at, () => resolve(server));
  });
}

async function isFree(port) {
  const server = await listens({ port, host: '127.0.0.1', exclusive: true });
  if (server === null) return false;
  server.on('connection', (peer) => peer.on('error', () => {})); // ignores resets
  const reached = await new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => { socket.resetAndDestroy(); resolve(true); });
    socket.once('error', () => resolve(false)); // the machine may reserve a port
  });
  return new Promise((resolve) => { server.close(() => resolve(reached)); });
}

async function claimSlice() {
  const first = Math.floor(Math.random() * SLICES);
  for (let n = 0; n < SLICES; n += 1) {
    const slice = (first + n) % SLICES;
    const name = await listens({ path: `\0fairgate-test-ports-${slice}` });
    if (name === null) continue;
    name.unref();
    return LOW + slice * SLICE;
  }
  throw new Error(`all ${SLICES} slices of ports are taken`);
}

let next = 0;
let left = 0;
export async function freePort() {
  for (;;) {
    if (left === 0) [next, left] = [await claimSlice(), SLICE];
    left -= 1;
    const port = next++;
    if (await isFree(port)) return port;
  }
}

// A base with SLICE free ports above it, for a whole stack.
export async function freePortBase() {
  search: for (;;) {
    const base = await claimSlice();
    for (let port = base; port < base + SLICE; port += 1) {
      if (!(await isFree(port))) continue search;
    }
    return base;
  }
}
