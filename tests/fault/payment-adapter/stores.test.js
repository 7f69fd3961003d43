// The store fails: PostgreSQL loses its power in the middle of commits, and a worker is frozen for so long that another
// one takes over.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertPrompt, openForgetfulDisk, openProxy, openScope, until } from '../../lib-js/index.js';
import { openWorld } from '../../integration/payment-adapter/lib/world.js';

const ROUNDS = process.env.FAIRGATE_SOAK ? 20 : 2;
const ORDERS = 8; // per round
const scope = openScope(test);
// The company's server may be configured not to wait for its disk. Our guarantees must not depend on that.
const disk = await openForgetfulDisk(scope);
const world = await openWorld(scope, { disk, postgres: { synchronous_commit: 'off', wal_writer_delay: '10s' }, saga: { lease: '2s', idle: '50ms', poll: '200ms', poll_max: '400ms' }, mail: { url: '' } });
world.psp.autoPay = true;
const buyer = await world.login();
world.postgres.sql('CHECKPOINT'); // so that the test's setup is durable

// Repeats the order until a response comes, like a browser with its own key.
async function insist(visit, pay = world.pay) {
  return until('an order', async () => {
    const answer = await pay.http.post('/v1/pay/orders', {
      body: { event: 'gala', hold: visit.hold },
      headers: { ...buyer.jar.headers, authorization: `Bearer ${visit.pass}`, 'idempotency-key': `k-${visit.hold}` },
    });
    assert.ok([200, 201, 503].includes(answer.status), answer.text);
    return answer.status !== 503 && answer.json.order;
  }, { timeoutMs: 60_000 });
}

// judges: money, shop
test('PostgreSQL loses its power among orders, again and again', { timeout: 1_800_000 }, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const gate = world.seats.gate(['/confirm', '/extend'][round % 2]);
    const orders = Promise.all(Array.from({ length: ORDERS }, () => insist(world.hold())));
    await gate.reached;
    await world.postgres.powerCut({ keep: 0 });
    assert.ok(world.seats.sold().length < (round + 1) * ORDERS, 'an order was open when the power went');
    gate.open();
    const down = await world.pay.private.get('/readyz');
    assert.ok([200, 503].includes(down.status));
    await world.postgres.start();
    for (const order of await orders)
      await until(`${order} to be completed`, async () => {
        const answer = await buyer.get(`/v1/pay/orders/${order}`);
        return answer.status === 200 && answer.json.status === 'completed';
      }, { timeoutMs: 60_000 });
  }
  const settled = await world.settle(60_000);
  assert.equal(settled.length, ROUNDS * ORDERS);
  assert.equal(world.psp.captures, ROUNDS * ORDERS);
});

test('without PostgreSQL a request is answered 503, not kept hanging', async () => {
  await world.postgres.stop();
  const start = Date.now();
  const answer = await buyer.get('/v1/pay/orders/o_unknown');
  assert.equal(answer.status, 503);
  assertPrompt(4000, Date.now() - start);
  const page = await buyer.get('/pay/orders/o_unknown?lang=en');
  assert.equal(page.status, 503);
  assert.match(page.text, /<meta http-equiv="refresh" content="[4-8]">/, 'the page loads itself again');
  await until('not to be ready', async () => (await world.pay.private.get('/readyz')).status === 503);
  await world.postgres.start();
  await world.pay.untilReady();
});

test('a worker that was frozen past its lease is refused, and its work is done once', async () => {
  const other = await world.startPay({ saga: { instance: 'other' } });
  const gate = world.seats.gate('/confirm');
  const visit = world.hold();
  const order = await insist(visit);
  await gate.reached;
  const frozen = (await world.postgres.rows("SELECT owner FROM pay.saga WHERE leased AND state < 2", 'pay'))[0]?.owner;
  const [sleeper, awake] = frozen?.endsWith('/other') ? [other, world.pay] : [world.pay, other];
  sleeper.pause();
  gate.open();
  await until('the other one to finish', async () => {
    const answer = await awake.http.get(`/v1/pay/orders/${order}`, { headers: buyer.jar.headers });
    return answer.status === 200 && answer.json.status === 'completed';
  }, { timeoutMs: 60_000 });
  sleeper.resume();
  await world.settle();
  assert.equal(world.psp.of(order).filter(({ amount_received }) => amount_received > 0).length, 1);
  const done = world.postgres.rows(
    `SELECT t.step, t.undo, count(*) AS n FROM pay.saga_step t JOIN pay.saga s ON s.id = t.saga
     WHERE s.subject = '${order}' AND t.mark = 0 GROUP BY 1, 2`,
    'pay',
  );
  assert.ok(done.length > 0 && done.every(({ n }) => n === 1), JSON.stringify(done));
  await other.stop();
});

// The lease is far longer than the test.
test('a saga whose lease was granted to a lost connection goes on after the next one', async () => {
  const { postgres, psp } = world;
  const wire = await openProxy(scope, { to: { path: `${postgres.socketDir}/.s.PGSQL.${postgres.port}` } });
  const far = await world.startPay({ database: { conninfo: `host=127.0.0.1 port=${wire.port} dbname=pay user=postgres` }, saga: { instance: 'far', lease: '600s' } });
  psp.autoPay = false;
  world.pay.pause();
  const order = await insist(world.hold(), far);
  await until('the payment to be opened', () => psp.of(order).length > 0);
  const leased = () => postgres.sql(`SELECT leased FROM pay.saga WHERE subject = '${order}'`, 'pay') === 't';
  await until('the adapter to be between two looks at the payment', () => {
    far.pause();
    if (!leased()) return true;
    far.resume();
    return false;
  });
  postgres.sql(`UPDATE pay.saga SET due_at = now() WHERE subject = '${order}'`, 'pay');
  wire.fault('lose', { way: 'back' });
  far.resume();
  await until('the saga to be leased', leased);
  psp.authorise(psp.of(order)[0].id);
  wire.heal();
  await until('the order to be completed', async () => {
    const answer = await far.http.get(`/v1/pay/orders/${order}`, { headers: buyer.jar.headers });
    return answer.status === 200 && answer.json.status === 'completed';
  }, { timeoutMs: 60_000 });
  world.pay.resume();
  await far.stop();
});
