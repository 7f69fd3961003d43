// A faulty network: a TCP proxy in front of any server, for any protocol. Its fault can be changed at any time, and applies
// to existing and new connections.
//
//   const wire = await openProxy(scope, { to: { port } });      // wire.port, wire.url
//   wire.fault('late', { ms: 50, jitterMs: 100 });
//   wire.heal();
//
//   late   { ms, jitterMs }     everything arrives later, in order
//   drip   { bytes, everyMs }   a few bytes at a time
//   hold   { way }              nothing arrives until the wire is healed, then all of it does: a partition
//                               that ends while both ends still send again what was not acknowledged
//   lose   { way }              sent bytes are lost: a partition after which one end has forgotten the other
//   cut    { after }            the connection ends after that many bytes of an answer
//   half   { way }              one end closes its sending side, and keeps receiving
//   reset                       connections are reset, new ones too
//
// `way` is "there" (towards the server) or "back"; without it both are affected. `share` of all connections, chosen by the
// seed, have the fault; the others are unaffected. Healing resets connections that lost bytes, because neither end could
// parse the rest. `wire.met` counts the connections that each fault has touched: a test whose fault touched none proves
// nothing.

import net from 'node:net';
import { seededRng } from './rng.js';
import { delay } from './wait.js';

const WAYS = ['there', 'back'];
const CUT_AFTER_MAX = 2000; // bytes: in the middle of most answers
const silent = () => {};

// Unix sockets have no reset, so they are closed. So are sockets that are already ending: Node refuses to reset them and
// forgets them, and then the process never ends.
export function reset(socket) {
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (isEnding || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

export const FAULTS = ['late', 'drip', 'hold', 'lose', 'cut', 'half', 'reset'];

// `to`: {port, host} or {path}. `onBytes(bytes, way)` runs first. False drops these bytes, a promise delays them; true lets
// them through, even if a fault that it starts makes them the last ones.
export async function openProxy(scope, { to, seed = 1, onBytes = null }) {
  const proxy = new Wire(to, seed, onBytes);
  await proxy.listen();
  scope.defer(() => proxy.close());
  return proxy;
}

class Wire {
  #fault = null; // {mode, way, share, ...}
  #connections = new Set();
  #healed = null; // a promise, and its resolve function

  constructor(to, seed, onBytes) {
    this.to = to;
    this.rng = seededRng({ diagnostic: silent }, seed);
    this.onBytes = onBytes;
    this.met = {};
    this.server = net.createServer({ allowHalfOpen: true }, (near) => this.#join(near));
    this.heal();
  }

  async listen() {
    await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  close() {
    this.heal();
    for (const connection of this.#connections) connection.reset();
    return new Promise((resolve) => { this.server.close(resolve); });
  }

  get mode() {
    return this.#fault?.mode ?? null;
  }

  get standing() {
    return this.#connections.size;
  }

  fault(mode, { share = 1, ...options } = {}) {
    if (!FAULTS.includes(mode)) throw new Error(`${mode}: a wire can be ${FAULTS.join(', ')}`);
    if (options.way !== undefined && !WAYS.includes(options.way)) throw new Error(`way ${options.way}: ${WAYS.join(', ')}`);
    this.heal();
    this.#fault = { mode, share, ...options };
    for (const connection of this.#connections) connection.meet(this.#drawn());
  }

  heal() {
    this.#fault = null;
    this.#healed?.go();
    this.#healed = deferred();
    for (const connection of this.#connections) connection.heal();
  }

  // Draws whether this connection has the current fault.
  #drawn() {
    return this.#fault !== null && this.rng.chance(this.#fault.share) ? this.#fault : null;
  }

  #join(near) {
    const fault = this.#drawn();
    if (fault?.mode === 'reset') {
      this.count('reset');
      near.on('error', silent);
      reset(near);
      return;
    }
    const connection = new Connection(this, near, net.connect({ host: '127.0.0.1', ...this.to, allowHalfOpen: true }));
    this.#connections.add(connection);
    connection.ended.then(() => this.#connections.delete(connection));
    connection.meet(fault);
  }

  count(mode) {
    this.met[mode] = (this.met[mode] ?? 0) + 1;
  }

  untilHealed() {
    return this.#healed.promise;
  }
}

function deferred() {
  let go;
  const promise = new Promise((resolve) => { go = resolve; });
  return { promise, go };
}

class Connection {
  #fault = null;
  #counted = false;
  #left = 0; // bytes of an answer until it is cut
  #lost = false; // bytes are missing

  constructor(proxy, near, far) {
    this.proxy = proxy;
    this.near = near;
    this.far = far;
    for (const [socket, other, way] of [[near, far, 'there'], [far, near, 'back']]) {
      socket.setNoDelay(true);
      socket.on('error', () => {
        if (this.#concerns(way) && this.#fault.mode === 'lose') this.#lost = true;
        else reset(other);
      });
    }
    this.ended = Promise.all([this.#carry(near, far, 'there'), this.#carry(far, near, 'back')]).then(() => {
      near.destroy();
      far.destroy();
    });
  }

  reset() {
    reset(this.near);
    reset(this.far);
  }

  meet(fault) {
    this.#fault = fault;
    this.#counted = false;
    if (fault?.mode === 'cut') this.#left = fault.after ?? this.proxy.rng.below(CUT_AFTER_MAX);
    if (fault?.mode === 'half') {
      this.#touched(fault.mode);
      (fault.way === 'back' ? this.near : this.far).end();
    }
    if (fault?.mode === 'reset') {
      this.#touched(fault.mode);
      this.reset();
    }
  }

  heal() {
    this.#fault = null;
    if (this.#lost) this.reset();
  }

  #touched(mode) {
    if (!this.#counted) this.proxy.count(mode);
    this.#counted = true;
  }

  #concerns(way) {
    return this.#fault !== null && (this.#fault.way ?? way) === way;
  }

  async #carry(from, to, way) {
    try {
      for await (const bytes of from.iterator({ destroyOnReturn: false })) {
        const fault = this.#concerns(way) ? this.#fault : null; // the fault before onBytes() may change it
        if (this.proxy.onBytes !== null && !(await this.proxy.onBytes(bytes, way))) this.#lost = true;
        else await this.#pass(bytes, to, way, fault);
      }
    } catch {
      return; // reset together with its other end
    }
    if (this.#concerns(way) && this.#fault.mode === 'hold') await this.proxy.untilHealed();
    if (this.#concerns(way) && this.#fault.mode === 'lose') this.#lost = true;
    else to.end();
  }

  async #pass(bytes, to, way, fault) {
    if (fault === null) return write(to, bytes);
    const { mode, ms = 0, jitterMs = 0, bytes: few = 7, everyMs = 5 } = fault;
    if (mode !== 'cut' || way === 'back') this.#touched(mode);
    switch (mode) {
      case 'late':
        await delay(ms + this.proxy.rng.unit() * jitterMs);
        return write(to, bytes);
      case 'hold':
        await this.proxy.untilHealed();
        return write(to, bytes);
      case 'drip':
        return this.#drip(bytes, to, few, everyMs);
      case 'cut':
        return way === 'back' ? this.#cut(bytes, to) : write(to, bytes);
      case 'half': // anything after the end of a stream is ignored
        return undefined;
      default:
        this.#lost = true;
        return undefined;
    }
  }

  async #drip(bytes, to, few, everyMs) {
    for (let at = 0; at < bytes.length; at += few) {
      if (this.#fault?.mode !== 'drip') return write(to, bytes.subarray(at));
      await write(to, bytes.subarray(at, at + few));
      await delay(everyMs);
    }
  }

  async #cut(bytes, to) {
    await write(to, bytes.subarray(0, this.#left));
    this.#left -= bytes.length;
    if (this.#left > 0) return;
    this.near.end();
    this.far.destroy();
  }
}

// Writes at the speed of the receiver.
function write(to, bytes) {
  if (bytes.length === 0 || to.destroyed || to.writableEnded) return undefined;
  return new Promise((resolve) => {
    const over = () => {
      to.off('close', over);
      resolve();
    };
    to.once('close', over);
    to.write(bytes, over);
  });
}
