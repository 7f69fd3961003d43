// The buttons on a buyer's order and ticket pages match what the calls would do, in each state.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope);
const [buyer, friend] = [await world.login(), await world.login('argon2id@example.com')];

const transfer = ({ ticket }) => buyer.post(`/v1/pay/tickets/${ticket}/transfer`, { to: friend.member });

async function pending() {
  world.psp.autoPay = false;
  return world.orderedAs(buyer, 'pending_payment');
}
async function completed() {
  world.psp.autoPay = true;
  return world.orderedAs(buyer, 'completed');
}
const changed = (set) => async () => {
  const order = await completed();
  world.postgres.sql(`UPDATE pay.orders SET ${set} WHERE id = '${order}'`, 'pay');
  return order;
};
const termed = (from, to) => changed(`purchase = jsonb_set(purchase, '{terms}', to_jsonb(regexp_replace(purchase->>'terms', '${from}', '${to}')))`);
const withTicket = (act) => async () => {
  const order = await completed();
  await act((await buyer.tickets(order))[0]);
  return order;
};

const STATES = {
  'pending payment': pending,
  completed,
  'a ticket used': withTicket(async ({ token }) => assert.equal((await world.scan(token)).status, 200)),
  'a ticket offered': withTicket(transfer),
  'a ticket handed on': withTicket((ticket) => world.handOn(ticket, buyer, friend)),
  'a ticket handed on often': withTicket(async ({ ticket }) => world.postgres.sql(`UPDATE pay.ticket SET hops = 8 WHERE id = '${ticket}'`, 'pay')),
  'seats moving': changed("moving = jsonb_build_array(seats->0), changed_at = now()"),
  'terms over': termed('"until": [^,}]+', '"until": "2020-01-01T00:00:00Z"'),
  'terms of the operator': termed('"by": "buyer"', '"by": "operator"'),
  ...Object.fromEntries(['confirming', 'cancelled', 'expired', 'failed', 'refunding', 'refunded', 'parked'].map((status) => [status, changed(`status = '${status}'`)])),
  'event cancelled': async () => {
    const order = await completed();
    world.postgres.sql(`INSERT INTO pay.cancelled_event (event, reason, due_at) VALUES ('${EVENT}', 'ill', 'infinity')`, 'pay');
    return order;
  },
};
// Each button, and its calls. 202: done now; 200: already done before.
const ACTS = {
  cancel: ['orders', /data-act="cancel"/g, async (order) => [await buyer.post(`/v1/pay/orders/${order}/cancel`)]],
  refund: ['orders', /data-act="refund"/g, async (order) => [await buyer.post(`/v1/pay/orders/${order}/refund`)]],
  transfer: ['tickets', /data-hand-on=/g, async (order) => Promise.all(((await buyer.tickets(order)) ?? []).map(transfer))],
};

test('an offered ticket that was used is no longer offered', async () => {
  const order = await completed();
  const [ticket] = await buyer.tickets(order);
  await transfer(ticket);
  const seen = async () => [/A ticket is offered to you/.test((await friend.get('/pay/orders?lang=en')).text), (await friend.tickets(order))[0].state];
  assert.deepEqual(await seen(), [true, 'offered']);
  assert.equal((await world.scan(ticket.token)).status, 200);
  assert.deepEqual(await seen(), [false, 'used']);
});

for (const [state, make] of Object.entries(STATES))
  test(`pages offer exactly the acts that succeed: ${state}`, async () => {
    for (const [act, [page, mark, call]] of Object.entries(ACTS)) {
      const order = await make();
      const { text } = await buyer.get(`/pay/${page}/${order}?lang=en`);
      const answers = await call(order);
      world.postgres.sql('DELETE FROM pay.cancelled_event', 'pay');
      assert.ok(answers.every(({ status }) => status < 500), act);
      assert.equal((text.match(mark) ?? []).length, answers.filter(({ status }) => status === 202).length, `${act}: ${answers.map(({ status, json }) => `${status} ${json?.code}`)}`);
    }
  });
