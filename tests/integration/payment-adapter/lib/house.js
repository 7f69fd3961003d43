// The payment adapter beside the real seat service, and the wire between them, which can be cut.

import net from 'node:net';
import { hall, importHall, openSeats, ROLE, visitor } from '../../seat-service/house.js';
import { EVENT, openWorld } from './world.js';

// Between the payment adapter and the seats' private listener. `lose(words, what)`: from the question
// with those words in it on, nothing comes through any more, in neither direction and on no connection;
// that question itself still does if it is the answer that is to be lost. With `what` "wait" nothing is
// lost: that question waits until the wire is healed.
export class Wire {
  constructor(scope, port) {
    this.scope = scope;
    this.target = port;
    this.sockets = new Set();
    this.heal();
  }

  async listen() {
    this.server = net.createServer((socket) => this.#join(socket));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    this.scope.defer(() => {
      this.break();
      return new Promise((resolve) => this.server.close(resolve));
    });
  }

  lose(words, what) {
    this.trap = { words, what };
  }

  // Those who still listen learn that the other end is gone; those who ask again are refused.
  break() {
    this.broken = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  heal() {
    for (const go of this.waiting ?? []) go();
    this.waiting = [];
    this.trap = null;
    this.silent = false;
    this.broken = false;
  }

  #join(near) {
    if (this.broken) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(this.target, '127.0.0.1');
    for (const [socket, other] of [[near, far], [far, near]]) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        if (!this.silent) other.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (this.silent) return;
      if (this.trap?.what === 'wait' && bytes.includes(this.trap.words)) {
        this.waiting.push(() => far.write(bytes));
        return;
      }
      if (this.trap !== null && bytes.includes(this.trap.words)) {
        this.silent = true;
        if (this.trap.what === 'question') return;
      }
      far.write(bytes);
    });
    far.on('data', (bytes) => !this.silent && near.write(bytes));
  }
}

// The world of world.js with `world.house`: the seat service, and `world.wire`: its private listener as
// the adapter reaches it. `halls`: what is imported.
export async function openHouse(scope, { halls = hall(), ...options } = {}) {
  let house;
  let wire;
  const world = await openWorld(scope, {
    mail: { url: '' },
    ...options,
    async before(opening) {
      opening.postgres.sql(`CREATE ROLE ${ROLE} LOGIN`);
      opening.postgres.sql(`CREATE DATABASE seats OWNER ${ROLE}`);
      const office = { jwk: opening.queue.keys[0].jwk, pass: (event, { session }) => opening.queue.pass(event, session) };
      house = await openSeats(scope, opening.postgres, { office, secrets: opening.secrets });
      await importHall(house, EVENT, halls);
      wire = new Wire(scope, house.privatePort);
      await wire.listen();
      opening.options.seats = { url: `http://127.0.0.1:${house.port}`, internal_url: wire.url };
    },
  });
  world.house = house;
  world.wire = wire;
  let visits = 0;
  world.visit = () => visitor(house, EVENT, { session: `visit-${(visits += 1)}` });
  // What is sold, as "ORDER SEAT".
  world.soldSeats = async () =>
    (await house.admin.get(`/admin/events/${EVENT}/export`)).json.map(({ seat, order }) => `${order} ${seat}`).sort();
  return world;
}
