// An event that is cancelled: its sale stops, and every order is refunded, whatever its state, and across a kill. In the end
// money, seats and tickets agree.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { statementsOf } from '../../../loadtest/years/plans.js';
import { EVENT, openWorld } from './lib/world.js';
import { wordsOf } from './lib/fakes.js';

const PATH = `/admin/events/${EVENT}/cancellation`;
const WHY = 'the singer is ill';
const SOLD = 25;
const PRICE = 154_000; // of an order

const scope = openScope(test);
const PER_S = 5; // half of the provider's pace, and a refund reads the payment first

// So few refunds a second that a kill happens in the middle.
const world = await openWorld(scope, { psp: { per_s: 4 * PER_S } });
world.psp.autoPay = true;
const buyer = await world.login();
const state = async () => (await world.pay.admin.get(PATH)).json;

const CLASS = Array.from({ length: 40 }, (_, i) => `Z-${i}`); // more seats than a move or an operator's refund may name
const page = async (path) => (await buyer.get(`/pay/orders${path}`, { 'accept-language': 'en' })).text;

// A small part was refunded at the provider, and accepted.
async function acceptPart(order) {
  const [intent] = world.psp.of(order);
  intent.latest_charge.amount_refunded = 1000;
  world.psp.event('charge.refunded', { ...intent.latest_charge, metadata: intent.metadata });
  const { difference } = (await world.reconciledTwice()).find((item) => item.order === order);
  assertStatus(await world.pay.admin.post(`/admin/reconcile/${difference}/accept`, { body: { reason: 'goodwill' } }), 204);
  return difference;
}

test('all orders are given back across a kill, and those that a provider refuses wait for a person', async () => {
  const before = await state();
  assert.deepEqual([before.at, before.reason, before.orders.all, before.parked], [null, null, 0, []]);
  assertProblem(await world.pay.admin.post(PATH, { body: {} }), 400, 'bad-request');
  const orders = [];
  for (let i = 0; i < SOLD; i += 1) orders.push(await world.orderedAs(buyer, 'completed', world.hold(i === 0 ? { seats: CLASS } : {})));
  const [used, refused, credited, accepted] = orders;
  const difference = await acceptPart(accepted);
  const [first, second] = await buyer.tickets(used);
  assert.equal((await world.scan(first.token)).status, 200);
  assert.equal((await world.pay.admin.post(`/admin/orders/${credited}/refund`, { body: { reason: 'a kindness', amount: 1000 } })).status, 202);
  const part = await until('the part to be back', () => world.shop.orders.get(`${credited}-credited-1`));
  assert.equal(part.refund_cause, undefined);
  world.psp.refuseRefundOf = refused;
  world.psp.autoPay = false;
  const visit = world.hold();
  const gate = world.seats.gate(`holds/${visit.hold}`);
  const slow = world.order(buyer, visit);
  await gate.reached;
  const open = await world.ordered(buyer, visit); // ordered once more, and never paid
  await world.paymentOf(open);

  const answer = assertStatus(await world.pay.admin.post(PATH, { body: { reason: WHY } }), 202);
  assert.deepEqual([answer.json.reason, answer.json.ended_at, answer.json.orders.all, answer.json.money.paid], [WHY, null, SOLD + 1, SOLD * PRICE]);
  assert.equal((await world.scan(second.token)).json.code, 'revoked');
  const list = await page('');
  assert.match(list, /Event cancelled · /);
  assert.doesNotMatch(list, /Completed|Awaiting payment/);
  const unpaid = await page(`/${open}`);
  assert.match(unpaid, />The event has been cancelled\. If you paid/);
  assert.doesNotMatch(unpaid, /id="pay-link"|<dt>Pay by|>Payment at/);
  const late = await world.order(buyer, world.hold());
  assertProblem(late, 409, 'event-cancelled');
  gate.open();
  const { status, json, text } = await slow;
  assert.deepEqual([status, json.order], [200, open], text);
  await until('some to be back', async () => (await state()).orders.given_back > 3);
  await world.pay.kill();
  await world.pay.start();
  await until('all but two to be back', async () => (await state()).orders.given_back === SOLD - 2 && (await state()).orders.parked === 2);
  const seen = await state();
  assert.equal(seen.ended_at, null);
  assert.equal(seen.orders.under_way, 0, 'what waits for a person is not under way');
  assert.deepEqual(new Map(seen.parked.map(({ order, cause }) => [order, cause])), new Map([[refused, 'charge_not_refundable'], [accepted, 'difference-accepted']]));
  await world.untilStatus(buyer, open, 'cancelled');
  assert.doesNotMatch(await page(`/${open}`), />The order was cancelled|>Choose seats again/);

  world.psp.refuseRefundOf = null;
  const { saga } = seen.parked.find(({ order }) => order === refused);
  assertStatus(await world.pay.admin.post(`/admin/sagas/${saga}/retry`, { body: { reason: 'set right' } }), 200);
  assertStatus(await world.pay.admin.post(`/admin/reconcile/${difference}/withdraw`, { body: { reason: 'the rest, too' } }), 204);
  await until('the last ones to be back', async () => (await state()).orders.given_back === SOLD);
  assert.equal(world.sql(`SELECT count(*) FROM (SELECT at, row_number() OVER (ORDER BY at) - 1 AS nth FROM pay.audit WHERE act IN ('refund', 'credit') AND reason = '${WHY}') a
    CROSS JOIN pay.cancelled_event c WHERE a.at < c.at + nth / ${PER_S} * interval '0.9 s'`), '0', 'refunds that began too early');
  // It began long enough ago that any statement of that time has ended.
  world.sql("UPDATE pay.cancelled_event SET at = now() - interval '3 minutes'");
  const ended = await until('the end', async () => (await state()).ended_at !== null && state());
  assert.deepEqual(ended.money, { currency: 'KRW', paid: ended.money.paid, given_back: ended.money.paid });
  for (const order of orders) {
    const [intent] = world.psp.of(order);
    assert.equal(intent.latest_charge.amount_refunded, intent.amount_received, order);
    const letter = await until('the shop to hear of it', () => world.shop.orders.get(order === used ? `${order}-credited-1` : `${order}-refunded`));
    assert.equal(letter.refund_cause, 'event-cancelled');
    const read = await buyer.read(order);
    assert.deepEqual([read.status, read.event_cancelled], [order === used ? 'completed' : 'refunded', true]);
    assert.ok((await buyer.tickets(order)).every(({ state: is }) => is === 'revoked' || is === 'used'), order);
  }
  assert.match(await page(''), /Refunded · /);
  assert.deepEqual(await world.reconciled(), []);
  world.sql(`UPDATE pay.orders SET amount = 0 WHERE id = '${open}'`);
  assert.match(await page(`/${open}`), />The event has been cancelled\. All tickets are void\./);
});

test('a repetition changes nothing, and buyer and trail name the reason', async () => {
  const before = world.sql('SELECT count(*) FROM pay.saga');
  const again = await world.pay.admin.post(PATH, { body: { reason: 'another' } });
  assert.deepEqual([again.status, again.json.reason], [202, WHY]);
  assert.equal(world.sql('SELECT count(*) FROM pay.saga'), before);
  const { acts } = (await world.pay.admin.get(`/admin/events/${EVENT}/audit`)).json;
  assert.deepEqual(acts.filter(({ act }) => act === 'event-cancelled').map(({ reason, subject }) => [reason, subject]), [[WHY, EVENT]]);
  assert.ok(acts.some(({ act, reason }) => act === 'refund' && reason === WHY));
  const mail = await until('a mail', () => world.smtp.mails.find(({ text }) => text.includes('.refunded@')));
  assert.match(wordsOf(mail), /공연이 취소되어 티켓이 무효가 되었습니다/);
});

test('a checkout that is stuck before its capture was not paid, and a credit that has not ended is under way', () => {
  const { text } = statementsOf('payment-adapter').find(({ name }) => name === 'cancellation');
  for (const [step, paid] of [[3, SOLD - 1], [5, SOLD]]) {
    const { orders, money } = JSON.parse(world.sql(`SET search_path = pay; BEGIN; UPDATE orders SET moving = '[]' WHERE status = 'completed';
      WITH o AS (UPDATE orders SET status = 'parked' WHERE id = (SELECT max(id) FROM orders WHERE status = 'refunded') RETURNING id)
      UPDATE saga SET state = 1, parked = true, ended_at = NULL, step = ${step} FROM o WHERE subject = o.id AND key LIKE 'checkout.%';
      PREPARE progress AS ${text.replace(/;$/, '')}; EXECUTE progress ('${EVENT}', '{"checkout.1": 4}', 9); ROLLBACK`));
    assert.deepEqual([orders, money.paid], [{ all: SOLD, given_back: SOLD - 2, under_way: 1, parked: 1 }, paid * PRICE]);
  }
});

test('all cancelled events together have one page a second', () => {
  const { text } = statementsOf('payment-adapter').find(({ name }) => name === 'cancelling_take');
  const taken = world.sql(`SET search_path = pay; BEGIN; INSERT INTO cancelled_event (event, reason) VALUES ('one', 'ill'), ('two', 'ill');
    PREPARE take AS ${text.replace(/;$/, '')}; EXECUTE take (9, 100, 5000); EXECUTE take (9, 100, 5000); ROLLBACK`);
  assert.equal(taken.split('\n').length, 1, taken);
});
