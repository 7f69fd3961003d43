// An operator refunds part of an order, also after the visit: a sum or places, with or without the tickets. With the real
// seat service.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { hall } from '../seat-service/site.js';
import { openSite } from './lib/site.js';
import { EVENT } from './lib/world.js';

const scope = openScope(test);
const fees = { per_seat: 1000 };
const areas = [{ id: 'floor#a', category: 'Front', capacity: 50 }]; // an id is any text: what is a place is not read out of it
const world = await openSite(scope, { halls: hall({ limits: { orphan_rule: false }, areas, fees, vat_basis_points: 1000 }), mail: {} });
const buyer = await world.login();
const friend = await world.login('argon2id@example.com');
const EACH = 100_000; // a seat of rows 6 to 10 with its fee

const buy = (what) => world.buy(buyer, what);
const ask = (order, body) => world.pay.admin.post(`/admin/orders/${order}/refund`, { body });
const backOf = (order) => world.psp.of(order)[0].latest_charge.amount_refunded;
const keysOf = (order) => world.psp.calls
  .filter(({ path, body }) => path === '/v1/refunds' && body.includes(order))
  .map(({ headers }) => headers['idempotency-key']);
const messageOf = (key) => until(`the shop to hear of ${key}`, () => world.shop.orders.get(key));
const ended = (order) => until('the refund to end', () => world.postgres.sql(`SELECT count(*) FROM pay.saga WHERE subject = '${order}' AND state < 2`, 'pay') === '0');

async function credit(order, body) {
  const answer = await ask(order, body);
  assert.deepEqual([answer.status, answer.json.order], [202, order], answer.text);
  await ended(order);
}

test('money goes back after a visit, in parts, each once, and the tickets stay', async () => {
  const order = await buy({ seats: ['r9s1', 'r9s2', 'r9s3'] });
  const [used] = await buyer.tickets(order);
  assert.equal((await world.scan(used.token)).status, 200);
  assertProblem(await ask(order, { reason: 'the sound failed' }), 409, 'not-refundable');
  const part = { reason: 'the sound failed', amount: 20_000 };
  await credit(order, part);
  assertProblem(await ask(order, part), 409, 'refunded-before');
  await credit(order, { ...part, reason: 'once more' });
  await credit(order, { reason: 'not let in', seats: ['r9s2', 'r9s3'] });
  assertProblem(await ask(order, { reason: 'all of it', amount: 60_001 }), 409, 'refund-too-large');
  assertProblem(await ask(order, { reason: 'x', seats: ['r9s4'] }), 409, 'seat-not-in-order');
  for (const wrong of [{ amount: 1 }, { reason: 'x', amount: 0 }, { reason: 'x', amount: 1, percent: 5 }, { reason: 'x', free: true, amount: 1 }, { reason: 'x', seats: [] }, { reason: 'x', seats: ['a', 'a'] }])
    assertProblem(await ask(order, wrong), 400, 'bad-request');
  assert.equal(backOf(order), 240_000);
  assert.equal(new Set(keysOf(order)).size, 3, 'each has its own key');
  const { status, refunded, refund, seats } = await buyer.read(order);
  assert.deepEqual([status, refunded, refund.amount, seats.length], ['completed', 240_000, 60_000, 3]);
  assert.match((await buyer.get(`/pay/orders/${order}`)).text, /<data value="240000"/);
  assert.deepEqual((await buyer.tickets(order)).map(({ state }) => state), ['used', 'valid', 'valid']);
  await world.assertAgreed(order);
  for (const [nth, sum, vat] of [[1, 20_000, 1818], [2, 20_000, 1818], [3, 200_000, 18_182]]) {
    const { amount, kind, refund_amount: back, refund_vat: ofIt } = await messageOf(`${order}-credited-${nth}`);
    assert.deepEqual([kind, amount, back, ofIt], ['credited', 3 * EACH, sum, vat]);
  }
  assert.match(await world.mailOf(order, 'credited-1'), /금액: 20,000원\n/);
  const acts = (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${order}`)).json.acts.filter(({ act }) => act === 'credit');
  assert.deepEqual(acts.map(({ reason, detail }) => [reason, detail]).reverse(), [
    ['the sound failed', { amount: 20_000 }], ['once more', { amount: 20_000 }], ['not let in', { amount: 200_000, seats: ['r9s2', 'r9s3'] }],
  ]);
  await credit(order, { reason: 'the rest', amount: 60_000 });
  assert.equal(backOf(order), 3 * EACH);
  await world.assertAgreed(order);
  assert.equal(world.postgres.sql(`SELECT captured - back - keeps FROM pay.order_money WHERE id = '${order}'`, 'pay'), '0', 'the event may be retired');
  await until('the charts to have it', async () => (await world.pay.admin.get(`/admin/events/${EVENT}/counts`)).json.now.given_back === 3 * EACH);
});

test('a refund of the whole order gives back what parts have left', async () => {
  const order = await buy({ seats: ['r8s1', 'r8s2'] });
  await credit(order, { reason: 'a column in front', seats: ['r8s1'], amount: 30_000 });
  assert.equal((await ask(order, { reason: 'rain', percent: 50 })).status, 202);
  await world.untilStatus(buyer, order, 'refunded');
  assert.equal(backOf(order), 30_000 + 85_000);
  const { refund_amount: back, refund_vat: vat } = await messageOf(`${order}-refunded`);
  assert.deepEqual([back, vat], [85_000, 7728]);
  assert.match(await world.mailOf(order, 'refunded'), /금액: 85,000원\n/);
  await credit(order, { reason: 'and the rest', amount: 85_000 });
  assert.equal((await buyer.read(order)).status, 'refunded');
  await world.assertAgreed(order);
});

for (const [what, seat, parts] of [
  ['to the whole, and a later refund is 0', 'r8s3', [['credited-1', 33_333, 3030], ['credited-2', 33_333, 3031], ['credited-3', 33_334, 3030], ['refunded', 0, undefined]]],
  ['before and after a refund of the rest', 'r8s4', [['credited-1', 33_333, 3030], ['refunded', 33_333, 3031], ['credited-2', 33_334, 3030]]],
]) test(`partial refunds and their VAT add up ${what}`, async () => {
  const order = await buy({ seats: [seat] });
  for (const [kind, back, vat] of parts) {
    const sum = kind !== 'refunded' ? { amount: back } : back === 0 ? {} : { percent: 50 };
    await credit(order, { reason: kind, ...sum });
    const letter = await messageOf(`${order}-${kind}`);
    assert.deepEqual([letter.amount, letter.vat, letter.refund_amount, letter.refund_vat], [EACH, 9091, back, vat]);
  }
  assert.equal(backOf(order), EACH);
});

test('an order has at most 32 partial refunds', async () => {
  const order = await buy({ seats: ['r5s1'] });
  for (let nth = 1; nth <= 32; nth += 1) await credit(order, { reason: `${nth}`, amount: 1000 });
  assertProblem(await ask(order, { reason: 'one more', amount: 1000 }), 409, 'too-many-refunds');
});

test('a sum that the provider refuses is given up, or retried under a new key', async () => {
  const order = await buy({ seats: ['r7s3', 'r7s4'] });
  world.psp.failRefundOf = order;
  const part = { reason: 'goodwill', amount: 5000 };
  const park = async (body) => {
    assert.equal((await ask(order, body)).status, 202);
    return until('the refund to be parked', async () => (await world.pay.admin.get(`/admin/sagas?state=parked&order=${order}`)).json.sagas[0]);
  };
  const giveUp = ({ saga }) => world.pay.admin.post(`/admin/sagas/${saga}/compensate`, { body: { reason: 'the payment is too old' } });
  const parked = await park(part);
  const answer = await giveUp(parked);
  assert.deepEqual([answer.status, answer.json.state], [200, 'undone'], answer.text);
  assertProblem(await giveUp(parked), 409, 'not-allowed');
  assert.equal((await buyer.read(order)).status, 'completed');
  await world.assertAgreed(order);
  const freed = await park({ reason: 'ill', seats: ['r7s4'], free: true });
  assertProblem(await giveUp(freed), 409, 'not-allowed');
  assertProblem(await ask(order, { reason: 'another', amount: 5000 }), 409, 'not-refundable');
  assert.equal(freed.cause, 'refund-failed');
  const keys = new Set(keysOf(order));
  world.psp.failRefundOf = null;
  assert.equal((await world.pay.admin.post(`/admin/sagas/${freed.saga}/retry`, { body: { reason: 'the account has money' } })).status, 200);
  await ended(order);
  assert.equal(new Set(keysOf(order)).size, keys.size + 1, 'under a new key');
  await credit(order, part);
  assert.equal(backOf(order), EACH + 5000);
  await world.assertAgreed(order);
});

test('what was given back at the provider is settled here, and no money moves again', async () => {
  const order = await buy({ seats: ['r6s1'] });
  const [intent] = world.psp.of(order);
  intent.latest_charge.amount_refunded = 40_000;
  world.psp.event('charge.refunded', { ...intent.latest_charge, metadata: intent.metadata });
  const drifts = async () => (await world.reconciledTwice()).filter((item) => item.order === order);
  const [{ kind, difference }] = await drifts();
  assert.equal(kind, 'refunded-in-part');
  const act = async (name) => assert.equal((await world.pay.admin.post(`/admin/reconcile/${difference}/${name}`, { body: { reason: 'goodwill' } })).status, 204);
  await act('accept');
  for (const body of [{}, { amount: 20_000 }])
    assertProblem(await ask(order, { reason: 'not let in', ...body }), 409, 'difference-accepted');
  await act('withdraw');
  const [{ token }] = await buyer.tickets(order);
  assert.equal((await world.scan(token)).status, 200);
  await credit(order, { reason: 'refunded at the provider', amount: 40_000 });
  assert.deepEqual(keysOf(order), []);
  assert.deepEqual(await drifts(), []);
});

test('unused tickets are given back with their seats; a used one keeps its seat', async () => {
  const row = ['r10s1', 'r10s2', 'r10s3', 'r10s4'];
  const order = await buy({ seats: row });
  const [used, lent] = await buyer.tickets(order);
  const taken = await world.handOn(lent, buyer, friend);
  assertProblem(await ask(order, { reason: 'x', seats: row, free: true }), 409, 'whole-order');
  assert.equal((await world.scan(used.token)).status, 200);
  await credit(order, { reason: 'the doors stayed shut', seats: row.slice(0, 3), free: true });
  assert.equal(backOf(order), 3 * EACH);
  const { status, seats, places } = await buyer.read(order);
  assert.deepEqual([status, seats, places.map(({ id }) => id)], ['completed', ['r10s1', 'r10s4'], ['r10s1', 'r10s4']]);
  const states = (await buyer.tickets(order)).map(({ seat, state }) => `${seat} ${state}`).sort();
  assert.deepEqual(states, ['r10s1 used', 'r10s3 revoked', 'r10s4 valid']);
  const revoked = (await world.pay.http.get(`/v1/pay/events/${EVENT}/revoked-tickets`)).json.revoked;
  assert.ok(revoked.includes(taken.ticket));
  assert.deepEqual((await world.soldSeats()).filter((sold) => sold.startsWith(order)), [`${order} r10s1`, `${order} r10s4`]);
  const mail = await world.mailOf(order, 'revoked-1');
  assert.match(mail, /seat 2\b/);
  assert.doesNotMatch(mail, /seat [134]\b|KRW/);
  assert.deepEqual((await messageOf(`${order}-credited-1`)).seats, ['r10s1', 'r10s4']);
  await world.assertAgreed(order);
  await credit(order, { reason: 'a cold night', amount: 1000 });
  assert.deepEqual((await world.mailOf(order, 'credited-2')).match(/\d+번/g), ['1번', '4번']);
  const [next] = await buyer.tickets(await buy({ seats: ['r10s2', 'r10s3'] }));
  assert.equal(next.state, 'valid');
});

test('mails to a friend name each void ticket once', async () => {
  const order = await buy({ seats: ['r6s2', 'r6s3', 'r6s4', 'r6s5'] });
  for (const ticket of (await buyer.tickets(order)).slice(0, 3)) await world.handOn(ticket, buyer, friend);
  await credit(order, { reason: 'ill', seats: ['r6s2'], free: true });
  await credit(order, { reason: 'ill', seats: ['r6s3'], free: true });
  assert.equal((await ask(order, { reason: 'called off' })).status, 202);
  await world.untilStatus(buyer, order, 'refunded');
  for (const [kind, seat] of [['revoked-1', 2], ['revoked-2', 3], ['revoked', 4]])
    assert.deepEqual((await world.mailOf(order, kind)).match(/seat \d+/g), [`seat ${seat}`], kind);
});

test('a ticket is voided and its seat freed without a refund, which may follow', async () => {
  const order = await buy({ seats: ['r9s9', 'r9s10'] });
  assertProblem(await ask(order, { reason: 'stolen card', seats: ['r9s9'], amount: 0 }), 400, 'bad-request');
  await credit(order, { reason: 'stolen card', seats: ['r9s9'], amount: 0, free: true });
  assert.deepEqual([(await buyer.read(order)).seats, backOf(order), keysOf(order)], [['r9s10'], 0, []]);
  const { kind, refund_amount: back } = await messageOf(`${order}-credited-1`);
  assert.deepEqual([kind, back], ['credited', 0]);
  assert.match(await world.mailOf(order, 'credited-1'), /더 이상 입장하실 수 없습니다/);
  await world.assertAgreed(order);
  await credit(order, { reason: 'it was theirs', amount: EACH });
  assert.equal(backOf(order), EACH);
  await world.assertAgreed(order);
});

test('standing places are given back one by one', async () => {
  const order = await buy({ area: 'floor#a', quantity: 3 });
  await credit(order, { reason: 'ill', seats: ['floor#a#1'], free: true });
  assert.deepEqual((await buyer.read(order)).seats, ['floor#a#2', 'floor#a#3']);
  await world.assertAgreed(order);
  await credit(order, { reason: 'ill', seats: ['floor#a#3'], free: true });
  assert.equal(backOf(order), 2 * 151_000);
  await world.assertAgreed(order);
  assert.equal((await ask(order, { reason: 'ill' })).status, 202);
  await world.untilStatus(buyer, order, 'refunded');
  assert.equal(backOf(order), 3 * 151_000);
  await world.assertAgreed(order);
});

test('a moved seat costs what was paid for it, and not what its new place does', async () => {
  const order = await buy({ seats: ['r4s1', 'r7s5'] });
  const paid = { r4s1: 150_000, r7s5: 99_000 };
  for (const [from, to] of [['r4s1', 'r4s4'], ['r7s5', 'r4s1'], ['r4s4', 'r7s5']]) {
    assert.equal((await world.pay.admin.post(`/admin/orders/${order}/move`, { body: { reason: 'a camera', other_category: true, seats: [{ from, to }] } })).status, 202);
    paid[to] = paid[from];
    delete paid[from];
    await ended(order);
  }
  const { places } = (await world.pay.admin.get(`/admin/orders/${order}`)).json;
  assert.deepEqual(Object.fromEntries(places.map(({ id, price }) => [id, price])), paid);
  await credit(order, { reason: 'ill', seats: ['r4s1'], free: true });
  assert.equal(backOf(order), 99_795);
  assert.deepEqual((await buyer.read(order)).seats, ['r7s5']);
  await world.assertAgreed(order);
});

test('a seat that costs nothing goes back as a refund of 0', async () => {
  assert.equal((await world.site.admin.post(`/admin/events/${EVENT}/price`, { body: { prices: { Back: 0 } } })).status, 200);
  const order = await buy({ seats: ['r5s5', 'r9s5', 'r9s6'] });
  assertProblem(await ask(order, { reason: 'ill', seats: ['r9s5'] }), 409, 'price-unknown');
  await credit(order, { reason: 'ill', seats: ['r9s5'], free: true });
  const { kind, refund_amount: back, seats } = await messageOf(`${order}-credited-1`);
  assert.deepEqual([kind, back, seats], ['credited', 0, ['r5s5', 'r9s6']]);
  assert.match(await world.mailOf(order, 'credited-1'), /반환/);
  await world.assertAgreed(order);
});

test('after a restore, numbers that it may have lost name no message and no call to the provider again', async () => {
  const order = await buy({ seats: ['r8s5'] });
  await world.postgres.stop();
  world.postgres.settings.restore_command = 'false';
  writeFileSync(join(world.postgres.data, 'recovery.signal'), '');
  await world.postgres.start();
  await until('it to be taken', async () => (await ask(order, { reason: 'the sound failed', amount: 1000 })).status === 202);
  await messageOf(`${order}-credited-101`);
  assert.match(keysOf(order)[0], /-101$/);
});

// As on Aurora.
test('an order is refunded where PostgreSQL does not tell its timeline, too', async () => {
  const order = await buy({ seats: ['r8s6'] });
  world.postgres.sql(`SET allow_system_table_mods = on; ALTER FUNCTION pg_catalog.pg_current_wal_lsn() RENAME TO is_missing;
    CREATE FUNCTION pg_catalog.pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE plpgsql AS $$
    BEGIN RAISE object_not_in_prerequisite_state USING MESSAGE = 'wal_level must be set to ''logical'''; END $$`, 'pay');
  await credit(order, { reason: 'the sound failed', amount: 1000 });
  assert.equal(backOf(order), 1000);
});
