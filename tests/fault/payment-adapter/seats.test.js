// The seats are unreachable while an order is being confirmed: the wire is silent and then cut, before the request or
// before the response. The seat service is real, the wire is our proxy; afterwards money, seats and tickets must agree.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { openSite } from '../../integration/payment-adapter/lib/site.js';

const scope = openScope(test);
const world = await openSite(scope, { saga: { poll: '30s', poll_max: '30s' } });
const { wire, soldSeats: sold } = world;
const buyer = await world.login();

let visits = 0;
async function anOrder() {
  visits += 1;
  const visit = world.visit();
  const held = await visit.hold({ seats: [`r${visits}s1`, `r${visits}s2`] });
  assert.equal(held.status, 201, held.text);
  const made = await world.order(buyer, { hold: held.json.hold, pass: visit.token });
  assert.equal(made.status, 201, made.text);
  const { order } = made.json;
  await until('the payment to exist', () => world.psp.of(order).length > 0);
  return order;
}

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
    await until('a try in vain, though nothing is refused', () => triesOf(order) >= 1, { timeoutMs: 60_000 });
    wire.break();
    await until('tries in vain', () => triesOf(order) >= 2);
    assert.equal(world.psp.of(order)[0].amount_received, 0);
    wire.heal();
    await agree(order);
  });
