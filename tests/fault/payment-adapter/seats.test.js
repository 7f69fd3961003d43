// The seats are out of reach while an order is being confirmed: the wire is cut before the question or
// before the answer, or the process stands still for longer than a try lasts. The seat service is the
// real one, the wire a proxy of ours; afterwards money, seats and tickets have to agree.

import assert from 'node:assert/strict';
import net from 'node:net';
import test, { after, before } from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { EVENT, openWorld } from '../../integration/payment-adapter/lib/world.js';
import { hall, importHall, openSeats, ROLE, visitor } from '../../integration/seat-service/house.js';

const scope = openScope();
let world;
let seats;
let wire;
let buyer;

// Between the payment adapter and the seats' private listener. `lose(words, what)`: from the question
// with those words in it on, nothing comes through any more, in neither direction and on no connection;
// that question itself still does if it is the answer that is to be lost.
class Wire {
  constructor(port) {
    this.target = port;
    this.sockets = new Set();
    this.heal();
  }

  async listen() {
    this.server = net.createServer((socket) => this.#join(socket));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    scope.defer(() => {
      this.break();
      return new Promise((resolve) => this.server.close(resolve));
    });
  }

  lose(words, what) {
    this.trap = { words, what };
  }

  // Who still listens learns that the other end is gone, and who asks anew is refused.
  break() {
    this.broken = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  heal() {
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
      if (this.trap !== null && bytes.includes(this.trap.words)) {
        this.silent = true;
        if (this.trap.what === 'question') return;
      }
      far.write(bytes);
    });
    far.on('data', (bytes) => !this.silent && near.write(bytes));
  }
}

before(async () => {
  world = await openWorld(scope, {
    saga: { poll: '30s', poll_max: '30s' },
    mail: { url: '' },
    async before(opening) {
      opening.postgres.sql(`CREATE ROLE ${ROLE} LOGIN`);
      opening.postgres.sql(`CREATE DATABASE seats OWNER ${ROLE}`);
      const office = { jwk: opening.queue.keys[0].jwk, pass: (event, { session }) => opening.queue.pass(event, session) };
      seats = await openSeats(scope, opening.postgres, { office, secrets: opening.secrets });
      await importHall(seats, EVENT, hall());
      wire = new Wire(seats.privatePort);
      await wire.listen();
      opening.options.seats = { url: `http://127.0.0.1:${seats.port}`, internal_url: wire.url };
    },
  });
  buyer = await world.login();
});
after(() => scope.close());

let visits = 0;
async function anOrder() {
  visits += 1;
  const visit = visitor(seats, EVENT, { session: `visit-${visits}` });
  const held = await visit.hold({ seats: [`r${visits}s1`, `r${visits}s2`] });
  assert.equal(held.status, 201, held.text);
  const made = await world.order(buyer, { hold: held.json.hold, pass: visit.token });
  assert.equal(made.status, 201, made.text);
  const { order } = made.json;
  await until('the payment to exist', () => world.psp.of(order).length > 0);
  return order;
}

const sold = async () =>
  (await seats.admin.get(`/admin/events/${EVENT}/export`)).json.map(({ seat, order }) => `${order} ${seat}`).sort();
const triesOf = (order) =>
  Number(world.postgres.sql(`SELECT tries FROM pay.saga WHERE subject = '${order}' AND step = 3`, 'pay') || 0);

async function agree(order) {
  await world.untilStatus(buyer, order, 'completed');
  await until('every saga to end', () => world.postgres.sql('SELECT count(*) FROM pay.saga WHERE state < 2', 'pay') === '0');
  const ordered = world.postgres.rows(
    `SELECT o.id, o.amount, t.seat FROM pay.orders o JOIN pay.ticket t ON t.order_id = o.id
     WHERE o.status = 'completed' AND t.revoked_at IS NULL`, 'pay');
  assert.deepEqual(await sold(), ordered.map(({ id, seat }) => `${id} ${seat}`).sort());
  for (const { id, amount } of ordered) {
    const captured = world.psp.of(id).filter((intent) => intent.amount_received > 0);
    assert.deepEqual(captured.map((intent) => intent.amount_received), [amount], id);
  }
  const done = world.postgres.sql(
    `SELECT count(*) FROM pay.saga_step t JOIN pay.saga s ON s.id = t.saga
     WHERE s.subject = '${order}' AND t.step = 3 AND t.mark = 0`, 'pay');
  assert.equal(done, '1');
}

for (const what of ['question', 'answer'])
  test(`the wire is cut before the ${what} of a confirm, and later whole again`, async () => {
    const order = await anOrder();
    wire.lose('/confirm', what);
    await world.payOrder(order);
    await until('the cut', () => wire.silent);
    if (what === 'answer') await until('the seats to be sold', async () => (await sold()).some((row) => row.startsWith(order)));
    assert.equal((await world.untilStatus(buyer, order, 'confirming')).status, 'confirming');
    wire.break();
    await until('tries in vain', () => triesOf(order) >= 2);
    assert.equal(world.psp.of(order)[0].amount_received, 0);
    wire.heal();
    await agree(order);
  });

test('the seat service stands still for longer than a try lasts', { timeout: 90_000 }, async () => {
  const order = await anOrder();
  seats.pause();
  try {
    await world.payOrder(order);
    await world.untilStatus(buyer, order, 'confirming');
    await until('a try in vain', () => triesOf(order) >= 1, { timeoutMs: 40_000 });
    assert.equal(world.psp.of(order)[0].amount_received, 0);
  } finally {
    seats.resume();
  }
  await agree(order);
});
