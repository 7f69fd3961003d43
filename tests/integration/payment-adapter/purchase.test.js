// The quoted purchase is what is paid, sold, printed and admitted. The seat service is the real one.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { hall } from '../seat-service/site.js';
import { openSite } from './lib/site.js';

const scope = openScope(test);
const world = await openSite(scope, { halls: hall({ limits: { orphan_rule: false } }) });
const buyer = await world.login();

const CHEAP = 99_000; // rows 6 to 10
const DEAR = 150_000; // rows 1 to 5

const settled = (order) =>
  until('the order to be settled', async () => {
    const read = await buyer.read(order);
    return read.settled === true && read;
  });

test('a hold that changes between its price and its order is not sold', async () => {
  const held = await world.held({ seats: ['r10s1'] });
  world.wire.lose('/extend', 'wait');
  const ordering = world.order(buyer, held);
  await until('the order to ask for its hold', () => world.wire.waiting.length > 0);
  assertStatus(await held.visit.change(held.hold, { add: ['r1s1'], remove: ['r10s1'] }), 200);
  world.wire.heal();
  const made = assertStatus(await ordering, 201);
  const order = await settled(made.json.order);
  assert.deepEqual([order.status, order.reason], ['failed', 'purchase-differs']);
  assert.equal(world.psp.of(order.order).length, 0, 'no payment was ever made');
  assert.deepEqual(await world.soldSeats(), []);
});

test('orders that are raced by a change of their hold end as priced, or not at all', async () => {
  const race = async (nth) => {
    const cheap = `r${6 + Math.floor(nth / 10)}s${1 + (nth % 10)}`;
    const dear = `r${1 + Math.floor(nth / 10)}s${1 + (nth % 10)}`;
    const held = await world.held({ seats: [cheap] });
    const [made] = await Promise.all([
      world.order(buyer, held),
      held.visit.change(held.hold, { add: [dear], remove: [cheap] }),
    ]);
    if (made.status !== 201) return null;
    const { order } = made.json;
    await until('a payment, or none', async () => {
      const now = await buyer.read(order);
      return now.payment !== null || now.settled;
    });
    if (world.psp.of(order).some(({ status }) => status !== 'canceled')) await world.payOrder(order);
    return settled(order);
  };
  const ends = (await Promise.all(Array.from({ length: 40 }, (_, nth) => race(nth)))).filter((end) => end !== null);
  const completed = ends.filter(({ status }) => status === 'completed');
  assert.ok(completed.length > 0);
  const sold = await world.soldSeats();
  for (const { order, amount } of completed) {
    const seats = sold.filter((row) => row.startsWith(`${order} `)).map((row) => row.split(' ')[1]);
    assert.deepEqual((await buyer.tickets(order)).map(({ seat }) => seat), seats);
    assert.equal(amount, Number(/^r(\d+)s/.exec(seats[0])[1]) > 5 ? CHEAP : DEAR);
    assert.deepEqual(world.psp.of(order).map((intent) => intent.amount_received), [amount]);
  }
  for (const { status, reason } of ends) if (status !== 'completed') assert.deepEqual([status, reason], ['failed', 'purchase-differs']);
  assert.equal(sold.length, completed.length);
});

test('an order that costs nothing is completed without a payment, and given back without one', async () => {
  assertStatus(await world.site.admin.post('/admin/events/gala/price', { body: { prices: { Back: 0 } } }), 200);
  const made = assertStatus(await world.order(buyer, await world.held({ seats: ['r7s1'] })), 201);
  const { order } = made.json;
  assert.doesNotMatch(made.json.message, /결제 서비스/, 'nobody waits for a provider');
  const pageOf = async (path) => (await buyer.get(`/pay/orders${path}`, { 'accept-language': 'en' })).text;
  const progress = await pageOf(`/${order}`);
  assert.match(progress, />Your seats are confirmed/);
  assert.doesNotMatch(progress, />Payment at the provider|<dt>Pay by/);
  const end = await world.untilStatus(buyer, order, 'completed');
  assert.deepEqual([end.amount, end.payment, end.refund.amount], [0, null, 0]);
  const page = await pageOf(`/${order}`);
  assert.match(page, /Return the tickets/);
  assert.doesNotMatch(page, /data-act="refund">[^<]*<data/, 'no sum is promised');
  assert.deepEqual((await buyer.tickets(order)).map(({ seat, state }) => [seat, state]), [['r7s1', 'valid']]);
  assert.match((await buyer.get(`/pay/tickets/${order}`)).text, /<div class="code"><svg /);
  const sentOrder = await until('the shop to hear of it', () => world.shop.orders.get(`${order}-completed`));
  assert.deepEqual([sentOrder.amount, sentOrder.provider, sentOrder.payment], [0, undefined, undefined]);
  await world.assertAgreed(order);
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/refund`)).status, 202);
  const { refund, message } = await world.untilStatus(buyer, order, 'refunded');
  assert.equal(refund.amount, 0);
  assert.doesNotMatch(message, /카드|환불/, 'no money is on its way');
  assert.match(await pageOf(''), /Returned · Tickets: 1/);
  const gone = (await buyer.get(`/pay/tickets/${order}`, { 'accept-language': 'en' })).text;
  assert.match(gone, /This ticket was returned and no longer opens a door/);
  const [{ refund_amount: kept }] = world.postgres.rows(`SELECT refund_amount FROM pay.orders WHERE id = '${order}'`, 'pay');
  assert.equal(kept, 0);
  await until('the seat to be free', async () => !(await world.soldSeats()).some((row) => row.startsWith(order)));
  const returned = await until('the shop to hear of that, too', () => world.shop.orders.get(`${order}-refunded`));
  assert.deepEqual([returned.amount, returned.refund_amount], [0, 0]);
  await world.assertAgreed(order);
  assert.equal(world.psp.calls.filter(({ body }) => body.includes(order)).length, 0, 'the provider got no call for it');
});
