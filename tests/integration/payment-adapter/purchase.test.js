// The quoted purchase is what is paid, sold, printed and admitted. The seat service is the real one.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { hall } from '../seat-service/site.js';
import { openSite } from './lib/site.js';
import { assertLetter } from './lib/letters.js';

const scope = openScope(test);
const world = await openSite(scope, { halls: hall({ limits: { orphan_rule: false }, area: 50 }) });
const buyer = await world.login();

const CHEAP = 99_000; // rows 6 to 10
const DEAR = 150_000; // rows 1 to 5

async function held(...seats) {
  const visit = world.visit();
  const answer = assertStatus(await visit.hold({ seats }), 201);
  return { visit, hold: answer.json.hold };
}

const bound = async (hold) =>
  (await world.site.private.get(`/internal/events/gala/holds/${hold}`, { token: world.secrets.read('service-token') })).json.purchase;

const settled = (order) =>
  until('the order to be settled', async () => {
    const answer = await buyer.get(`/v1/pay/orders/${order}`);
    return answer.json.settled === true && answer.json;
  });

test('a hold that changes between its price and its order is not sold', async () => {
  const { visit, hold } = await held('r10s1');
  world.wire.lose('/extend', 'wait');
  const ordering = world.order(buyer, { hold, pass: visit.token });
  await until('the order to ask for its hold', () => world.wire.waiting.length > 0);
  assertStatus(await visit.change(hold, { add: ['r1s1'], remove: ['r10s1'] }), 200);
  world.wire.heal();
  const made = assertStatus(await ordering, 201);
  const order = await settled(made.json.order);
  assert.deepEqual([order.status, order.reason], ['failed', 'purchase-differs']);
  assert.equal(world.psp.of(order.order).length, 0, 'no payment was ever made');
  assert.deepEqual(await world.soldSeats(), []);
});

test('seats exchanged for others of the same price are not ordered by a page that showed the first', async () => {
  const { visit, hold } = await held('r10s2', 'r10s3');
  const read = async () => assertStatus(await visit.read(hold), 200).json;
  const shown = await read();
  assertStatus(await visit.change(hold, { add: ['r10s4'], remove: ['r10s2'] }), 200);
  const now = await read();
  assert.deepEqual([now.total, now.seats], [shown.total, ['r10s3', 'r10s4']]);
  const order = ({ version }) => world.order(buyer, { hold, pass: visit.token }, { key: `v-${hold}-${version}`, body: { hold_version: version, amount: shown.total } });
  assertProblem(await order(shown), 409, 'checkout-changed');
  assert.deepEqual(assertStatus(await order(now), 201).json.seats, now.seats);
});

test('orders that are raced by a change of their hold end as priced, or not at all', async () => {
  const race = async (nth) => {
    const cheap = `r${6 + Math.floor(nth / 10)}s${1 + (nth % 10)}`;
    const dear = `r${1 + Math.floor(nth / 10)}s${1 + (nth % 10)}`;
    const { visit, hold } = await held(cheap);
    const [made] = await Promise.all([
      world.order(buyer, { hold, pass: visit.token }),
      visit.change(hold, { add: [dear], remove: [cheap] }),
    ]);
    if (made.status !== 201) return null;
    const { order } = made.json;
    await until('a payment, or none', async () => {
      const now = (await buyer.get(`/v1/pay/orders/${order}`)).json;
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
    const { tickets } = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json;
    assert.deepEqual(tickets.map(({ seat }) => seat), seats);
    assert.equal(amount, Number(/^r(\d+)s/.exec(seats[0])[1]) > 5 ? CHEAP : DEAR);
    assert.deepEqual(world.psp.of(order).map((intent) => intent.amount_received), [amount]);
  }
  for (const { status, reason } of ends) if (status !== 'completed') assert.deepEqual([status, reason], ['failed', 'purchase-differs']);
  assert.equal(sold.length, completed.length);
});

test('a hold that an order has changes no more', async () => {
  const { visit, hold } = await held('r9s1');
  const made = assertStatus(await world.order(buyer, { hold, pass: visit.token }), 201);
  await until('the payment to exist', () => world.psp.of(made.json.order).length > 0);
  assertProblem(await visit.change(hold, { add: ['r9s2'] }), 409, 'hold-paying');
  assertProblem(await visit.release(hold), 409, 'hold-paying');
});

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

test('hold, order, ticket and shop name the same purchase', async () => {
  const { visit, hold } = await held('r8s1', 'r8s2');
  const made = await world.order(buyer, { hold, pass: visit.token });
  const { order } = made.json;
  await until('the payment to exist', () => world.psp.of(order).length > 0);
  const { purchase } = await world.paid(buyer, order);
  assert.match(purchase, /^[\w-]{43}$/);
  assert.equal(await bound(hold), purchase);
  const { tickets } = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json;
  assert.deepEqual(tickets.map(({ token }) => claims(token).p), [purchase, purchase]);
  const sentOrder = await until('the shop to hear of it', () => [...world.shop.orders.values()].find(({ external_id }) => external_id === order));
  assert.equal(sentOrder.purchase, purchase);
  assertLetter(sentOrder);
  assert.deepEqual(world.postgres.rows(`SELECT purchase FROM pay.orders WHERE id = '${order}'`, 'pay')[0].purchase, {
    version: 1,
    digest: purchase,
    event: 'gala',
    currency: 'KRW',
    lines: ['r8s1', 'r8s2'].map((place) => ({ place, category: 'Back', price: CHEAP, count: 1, fee: 0 })),
    fees: 0,
    total: 2 * CHEAP,
    terms: 'refund={"by": "buyer", "until": "2030-04-30T18:00:00.000Z", "percent": 100, "handed_on": false}',
  });
});

test('places of an area are priced, bound and sold like seats', async () => {
  const visit = world.visit();
  const { json } = await visit.hold({ area: 'floor', quantity: 3 });
  const made = await world.order(buyer, { hold: json.hold, pass: visit.token });
  const { order } = made.json;
  await until('the payment to exist', () => world.psp.of(order).length > 0);
  const { purchase, amount } = await world.paid(buyer, order);
  assert.equal(amount, 3 * DEAR);
  assert.equal(await bound(json.hold), purchase);
});

test('an order that costs nothing is completed without a payment, and given back without one', async () => {
  assertStatus(await world.site.admin.post('/admin/events/gala/price', { body: { prices: { Back: 0 } } }), 200);
  const { visit, hold } = await held('r7s1');
  const made = assertStatus(await world.order(buyer, { hold, pass: visit.token }), 201);
  const { order } = made.json;
  assert.doesNotMatch(made.json.message, /결제 서비스/, 'nobody waits for a provider');
  const end = await world.untilStatus(buyer, order, 'completed');
  assert.deepEqual([end.amount, end.payment, end.refund.amount], [0, null, 0]);
  const page = (await buyer.get(`/pay/orders/${order}`, { 'accept-language': 'en' })).text;
  assert.match(page, /Return the tickets/);
  assert.doesNotMatch(page, /data-act="refund">[^<]*<data/, 'no sum is promised');
  const { tickets } = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json;
  assert.deepEqual(tickets.map(({ seat, state }) => [seat, state]), [['r7s1', 'valid']]);
  assert.match((await buyer.get(`/pay/tickets/${order}`)).text, /<div class="code"><svg /);
  const sentOrder = await until('the shop to hear of it', () => world.shop.orders.get(`${order}-completed`));
  assert.equal(sentOrder.amount, 0);
  await world.assertAgreed(order);
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/refund`)).status, 202);
  const { refund, message } = await world.untilStatus(buyer, order, 'refunded');
  assert.equal(refund.amount, 0);
  assert.doesNotMatch(message, /카드|환불/, 'no money is on its way');
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
