// A private Redis: own folder, unix socket and port, append-only as in production.

import { mkdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { until } from './wait.js';

// startRedis(scope, {settings, port, disk, machine}) returns a Redis that answers; its data is on that disk (disk.js), and
// it runs on that machine (infra/ha/machines.js).
export async function startRedis(scope, { settings = {}, port = null, disk = null, clock = null, machine = null } = {}) {
  const redis = new Redis(scope, settings, port ?? (await freePort()), disk, clock, machine);
  await redis.start();
  scope.defer(() => redis.disconnect());
  return redis;
}

export class Redis {
  #link = null;

  constructor(scope, settings, port, disk = null, clock = null, machine = null) {
    this.scope = scope;
    this.settings = settings;
    this.port = port;
    this.dir = scope.tempDir('redis-');
    this.disk = disk;
    this.clock = clock; // a wrong clock of clock.js, or null
    this.machine = machine; // null: this one
    this.address = machine?.address ?? '127.0.0.1';
    this.data = join(disk?.dir ?? this.dir, 'data');
    this.socket = join(this.dir, 'redis.sock');
    this.child = null;
  }

  async start() {
    mkdirSync(this.data, { recursive: true });
    const settings = {
      port: this.port,
      bind: this.address,
      ...(this.machine === null ? {} : { 'protected-mode': 'no' }), // no other machine reaches it
      unixsocket: this.socket,
      dir: this.data,
      daemonize: 'no',
      appendonly: 'yes',
      appendfsync: 'everysec',
      save: '',
      ...this.settings,
    };
    const argv = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const words = ['redis-server', ...argv];
    this.child = this.scope.spawn(`redis-${this.port}`, this.machine?.inside(words) ?? words, {
      deathSignal: 'KILL',
      stays: true,
      env: this.clock?.env,
    });
    this.child.mayEnd = this.disk !== null; // it may die if its disk fails
    await until('redis to answer', async () => {
      this.child.assertRunning();
      return (await this.command('PING')) === 'PONG';
    });
  }

  async stop() {
    this.disconnect();
    await this.child.stop();
  }

  async kill() {
    this.disconnect();
    await this.child.kill();
  }

  // Cuts the disk first, then kills the server; it comes back with the synced data.
  async powerCut(survivors) {
    this.disk.cut();
    await this.kill();
    this.disk.powerOn(survivors);
  }

  // Deletes all data, as if the disk was replaced.
  wipe() {
    rmSync(this.data, { recursive: true, force: true });
  }

  async restartEmpty() {
    await this.kill();
    this.wipe();
    await this.start();
  }

  pause() {
    this.child.signal('SIGSTOP');
  }

  resume() {
    this.child.signal('SIGCONT');
  }

  // command('HSET', 'key', 'field', 'value') returns a string, number, array or null; error replies are thrown.
  async command(...words) {
    this.#link ??= await Link.open(this.socket, () => (this.#link = null));
    return this.#link.command(words);
  }

  // {"get": 12, "evalsha": 3, ...}: the calls that Redis has counted.
  async commandCalls() {
    const calls = {};
    for (const line of (await this.command('INFO', 'commandstats')).split('\r\n')) {
      const found = /^cmdstat_([^:]+):calls=(\d+)/.exec(line);
      if (found) calls[found[1]] = Number(found[2]);
    }
    return calls;
  }

  disconnect() {
    this.#link?.close();
    this.#link = null;
  }
}

// One RESP2 connection over any duplex stream; replies come in the order of the commands.
export class Link {
  constructor(socket, onGone) {
    this.socket = socket;
    this.waiting = [];
    this.bytes = Buffer.alloc(0);
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      onGone();
      for (const { reject } of this.waiting.splice(0)) reject(new Error('redis hung up'));
    });
  }

  static open(path, onGone) {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ path });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Link(socket, onGone)));
    });
  }

  command(words) {
    const parts = words.map((word) => (Buffer.isBuffer(word) ? word : Buffer.from(String(word))));
    const lines = parts.flatMap((p) => [Buffer.from(`$${p.length}\r\n`), p, Buffer.from('\r\n')]);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.socket.write(Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...lines]));
    });
  }

  close() {
    this.socket.destroy();
  }

  #onData(bytes) {
    this.bytes = Buffer.concat([this.bytes, bytes]);
    for (;;) {
      const read = readReply(this.bytes, 0);
      if (read === null) return;
      this.bytes = this.bytes.subarray(read.next);
      const { resolve, reject } = this.waiting.shift();
      if (read.value instanceof Error) reject(read.value);
      else resolve(read.value);
    }
  }
}

// Parses one reply from `at` on; null while it is incomplete.
function readReply(bytes, at) {
  const end = bytes.indexOf('\r\n', at);
  if (end < 0) return null;
  const line = bytes.subarray(at + 1, end).toString('utf8');
  const next = end + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+':
      return { value: line, next };
    case '-':
      return { value: new Error(line), next };
    case ':':
      return { value: Number(line), next };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, next };
      if (bytes.length < next + length + 2) return null;
      return { value: bytes.subarray(next, next + length).toString('utf8'), next: next + length + 2 };
    }
    case '*':
      return readArray(bytes, Number(line), next);
    default:
      throw new Error(`not RESP: ${line}`);
  }
}

function readArray(bytes, count, at) {
  if (count < 0) return { value: null, next: at };
  const value = [];
  let next = at;
  for (let i = 0; i < count; i += 1) {
    const element = readReply(bytes, next);
    if (element === null) return null;
    value.push(element.value);
    next = element.next;
  }
  return { value, next };
}
