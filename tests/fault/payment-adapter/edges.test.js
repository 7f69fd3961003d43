// kill -9 at every edge. The saga engine passes an edge each time before it calls a peer, gets a response, commits, or
// has committed. There the process kills itself with SIGKILL (saga.halt_at) and is restarted; buyer and provider repeat
// requests without a response; in the end money, seats and orders must agree. The number of edges is found by trying:
// it is one less than the first number at which a story ends alive. FAIRGATE_SOAK=1 tries each edge; otherwise each
// second one of the story of a paid order and each eighth of the others, from a random start (the unit tests try each,
// in a model of the peers).

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, seededRng, until } from '../../lib-js/index.js';
import { openWorld } from '../../integration/payment-adapter/lib/world.js';

const SOAK = process.env.FAIRGATE_SOAK === '1';
const scope = openScope(test);
// No polling while the buyer pays: the number of edges must depend on the story, not on the clock.
const world = await openWorld(scope, { saga: { poll: '30s', poll_max: '30s', idle: '20ms' }, shop: { url: '' }, mail: { url: '' } });
const buyer = await world.login();
await world.pay.stop();

// A process that dies at an edge; `alive` until then.
class Mortal {
  constructor(edge) {
    this.edge = edge;
    this.kills = 0;
  }

  async start(edge = this.edge) {
    world.pay.configure(world.config({ saga: { halt_at: edge } }));
    const ready = world.pay.start();
    world.pay.child.mayEnd = edge !== 0; // it kills itself there
    await ready;
  }

  // Repeats `work` until it is done, restarting the process if it dies.
  async persist(what, work) {
    return until(what, async () => {
      if (!world.pay.child.running) {
        this.kills += 1;
        await this.start(0);
      }
      return work();
    });
  }

  async status(order, ...wanted) {
    return this.persist(`${order} to be ${wanted}`, async () => {
      const { json } = await buyer.get(`/v1/pay/orders/${order}`);
      return json !== undefined && wanted.includes(json.status);
    });
  }
}

async function make(mortal, visit) {
  return mortal.persist('the order', async () => {
    const { status, json, text } = await world.order(buyer, visit);
    assert.ok([200, 201, 503].includes(status), text);
    if (status === 503) return false;
    const { order } = json;
    return (await buyer.get(`/v1/pay/orders/${order}`)).json.payment && order;
  });
}

async function pay(mortal, order) {
  const live = () => world.psp.of(order).find(({ status }) => status !== 'canceled');
  const event = world.psp.authorise(live().id);
  await mortal.persist('the webhook', async () => (await world.webhook(event)).status === 204);
}

const stories = {
  async paid(mortal) {
    const order = await make(mortal, world.hold());
    await pay(mortal, order);
    await mortal.status(order, 'completed');
  },
  async refunded(mortal) {
    const order = await make(mortal, world.hold());
    await pay(mortal, order);
    await mortal.status(order, 'completed');
    await mortal.persist('the refund', async () => [200, 202].includes((await buyer.post(`/v1/pay/orders/${order}/refund`)).status));
    await mortal.status(order, 'refunded');
  },
  async moved(mortal) {
    const visit = world.hold();
    const order = await make(mortal, visit);
    await pay(mortal, order);
    await mortal.status(order, 'completed');
    const [from, stays] = world.seats.holds.get(visit.hold).seats;
    const to = `${from}-moved`;
    const state = async () => (await world.pay.admin.get(`/admin/sagas?state=all&order=${order}`)).json?.sagas.find(({ definition }) => definition === 'move.1')?.state;
    await mortal.persist('the move', async () => {
      const answer = await world.pay.admin.post(`/admin/orders/${order}/move`, { body: { seats: [{ from, to }], reason: 'a camera' } });
      return answer.status === 202 || await state() !== undefined;
    });
    await mortal.persist('it to be over', async () => await state() === 'completed');
    const { tickets } = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json;
    assert.deepEqual(tickets.filter(({ state: now }) => now === 'valid').map(({ seat }) => seat).sort(), [stays, to].sort());
  },
  async cancelled(mortal) {
    const order = await make(mortal, world.hold());
    await mortal.persist('the cancel', async () => [200, 202].includes((await buyer.post(`/v1/pay/orders/${order}/cancel`)).status));
    await mortal.status(order, 'cancelled');
  },
  async 'refused at the capture'(mortal) {
    const order = await make(mortal, world.hold());
    world.psp.refuseCaptureOf = order;
    await pay(mortal, order);
    await mortal.status(order, 'failed');
  },
};

for (const [name, tell] of Object.entries(stories)) {
  test(`killed at edges of an order that is ${name}, everything agrees`, { timeout: 900_000 }, async (t) => {
    const stride = SOAK ? 1 : { paid: 2 }[name] ?? 8;
    let tried = 0;
    let killed = 0;
    let edge = seededRng(t).between(1, stride);
    for (; ; edge += stride) {
      const mortal = new Mortal(edge);
      await mortal.start();
      await tell(mortal);
      await mortal.persist('every saga to end', () => world.postgres.sql('SELECT count(*) FROM pay.saga WHERE state < 2', 'pay') === '0');
      await world.settle();
      await world.pay.stop();
      if (mortal.kills === 0) break;
      tried += 1;
      killed += mortal.kills;
    }
    t.diagnostic(`${killed} of ${tried} edges`);
    assert.equal(killed, tried);
    assert.ok(tried * stride >= 10, `${tried} edges are too few to be all`);
    const twice = world.postgres.sql('SELECT count(*) FROM (SELECT FROM pay.saga_step WHERE mark = 0 GROUP BY saga, step, undo HAVING count(*) > 1) d', 'pay');
    assert.equal(twice, '0');
  });
}
