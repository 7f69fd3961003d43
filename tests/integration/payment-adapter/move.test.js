// A sold seat moves with its ticket: the old ticket is invalid before the seat is free, and however the move ends, each seat
// of the order has one valid ticket. The seat service is the real one.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { startShop } from '../demo-shop/shop.js';
import { hall } from '../seat-service/site.js';
import { openSite } from './lib/site.js';
import { EVENT } from './lib/world.js';

const scope = openScope(test);
const shop = await startShop(scope, { users: 25, hashes: 'cheap' });
const world = await openSite(scope, {
  mail: {},
  halls: hall({ limits: { orphan_rule: false }, area: 50 }),
  shop: { url: `http://127.0.0.1:${shop.port}/api/orders/import`, list_url: '', key: shop.apiKeyPath, retry_max: '200ms' },
});
world.psp.autoPay = true;
const buyer = await world.login();

const hold = (...seats) => world.visit().hold({ seats });

async function buy(...seats) {
  const order = await world.buy(buyer, { seats });
  return { order, tickets: await buyer.tickets(order) };
}

const move = (order, ...pairs) =>
  world.pay.admin.post(`/admin/orders/${order}/move`, {
    body: { seats: pairs.map(([from, to]) => ({ from, to })), reason: 'a camera stands there' },
  });
const sagasOf = async (order) => (await world.pay.admin.get(`/admin/sagas?state=all&order=${order}`)).json.sagas;
const moved = (order, state = 'completed') =>
  until('the move to end', async () => (await sagasOf(order)).find(({ definition, state: now }) => definition === 'move.1' && now === state));
const scan = async (token) => {
  const { status, json } = await world.scan(token);
  return status === 200 ? 'in' : json.code;
};
const sold = async (order) => (await world.soldSeats()).filter((row) => row.startsWith(`${order} `)).map((row) => row.split(' ')[1]);
const atShop = async (order) => (await shop.partner.get(`/api/orders/import/${order}`)).json;

// Seats, orders and tickets agree; the fake provider and shop are left out.
async function assertAgreed() {
  const items = await world.reconciled();
  const kinds = ['seat-not-sold', 'sold-without-order', 'two-orders', 'two-tickets', 'ticket-without-seat', 'tickets-missing', 'tickets-left', 'parked', 'not-at-shop'];
  assert.deepEqual(items.filter(({ kind }) => kinds.includes(kind)), []);
}

test('a moved seat: the old ticket opens no door, the new one does, and the old seat is on sale again', async () => {
  const { order, tickets } = await buy('r10s1', 'r10s2');
  const held = world.postgres.sql(`SELECT hold FROM pay.orders WHERE id = '${order}'`, 'pay');
  const before_ = await buyer.read(order);
  assert.equal((await hold('r10s1')).status, 409);
  const answer = await move(order, ['r10s1', 'r9s1']);
  assert.equal(answer.status, 202, answer.text);
  await moved(order);
  assert.deepEqual(await sold(order), ['r10s2', 'r9s1']);
  assert.equal(await scan(tickets.find(({ seat }) => seat === 'r10s1').token), 'revoked');
  const now = await buyer.tickets(order);
  assert.deepEqual(now.map(({ seat, state }) => [seat, state]).sort(), [['r10s2', 'valid'], ['r9s1', 'valid']]);
  assert.equal(await scan(now.find(({ seat }) => seat === 'r9s1').token), 'in');
  assert.equal(await scan(tickets.find(({ seat }) => seat === 'r10s2').token), 'in', 'the seat that stayed');
  const shown = await buyer.read(order);
  assert.deepEqual([...shown.seats].sort(), ['r10s2', 'r9s1']);
  assert.deepEqual(shown.places.map(({ id }) => id), shown.seats);
  assert.deepEqual([shown.status, shown.amount, shown.purchase], ['completed', before_.amount, before_.purchase]);
  assert.match(shown.moved_at, /^20/);
  const bound = (await world.site.private.get(`/internal/events/${EVENT}/holds/${held}`, { token: world.secrets.read('service-token') })).json;
  assert.equal(bound.purchase, before_.purchase);
  assert.equal((await hold('r10s1')).status, 201, 'the old seat is free');
  await until('the shop to hear of it', async () => JSON.stringify((await atShop(order)).seats) === JSON.stringify(shown.seats));
  assert.match((await buyer.get(`/pay/orders/${order}?lang=en`)).text, /Seats changed/);
  assert.match((await buyer.get(`/pay/tickets/${order}?lang=en`)).text, /Tickets from before the change no longer work/);
  const { acts } = (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${order}`)).json;
  assert.deepEqual(acts.map(({ act, reason }) => [act, reason]), [['move', 'a camera stands there']]);
  const mails = world.postgres.rows(`SELECT kind FROM pay.mail_outbox WHERE order_id = '${order}' ORDER BY id`, 'pay');
  assert.deepEqual(mails.map(({ kind }) => kind), ['completed', 'moved-1']);
  await assertAgreed();
});

test('the old seat is not on sale before its ticket is dead', async () => {
  const { order, tickets } = await buy('r8s1');
  world.wire.lose('/move ', 'wait');
  assert.equal((await move(order, ['r8s1', 'r8s2'])).status, 202);
  await until('the seats to be asked', () => world.wire.waiting.length > 0);
  assert.equal(await scan(tickets[0].token), 'revoked');
  assert.equal((await hold('r8s1')).status, 409);
  assertProblem(await buyer.post(`/v1/pay/orders/${order}/refund`), 409, 'not-refundable');
  assertProblem(await move(order, ['r8s1', 'r8s3']), 409, 'not-completed');
  assert.equal((await world.pay.metrics()).get('fairgate_odd_events_total{what="refusal-of-unknown-code"}'), 0);
  world.wire.heal();
  await moved(order);
  assert.deepEqual(await sold(order), ['r8s2']);
});

test('a move to a seat that is held by then changes nothing, and there are good tickets for the old seats', async () => {
  const { order, tickets } = await buy('r6s1', 'r6s2');
  world.wire.lose('/move ', 'wait');
  assert.equal((await move(order, ['r6s1', 'r6s3'], ['r6s2', 'r6s4'])).status, 202);
  await until('the tickets to be void', () => world.wire.waiting.length > 0);
  assert.equal((await hold('r6s4')).status, 201);
  world.wire.heal();
  const saga = await moved(order, 'undone');
  assert.equal(saga.cause, 'seats-taken');
  assert.deepEqual(await sold(order), ['r6s1', 'r6s2']);
  const now = await buyer.tickets(order);
  assert.deepEqual(now.map(({ seat, state }) => [seat, state]), [['r6s1', 'valid'], ['r6s2', 'valid']]);
  assert.equal(await scan(tickets[0].token), 'revoked');
  assert.equal(await scan(now[0].token), 'in');
  const shown = await buyer.read(order);
  assert.deepEqual([shown.status, shown.seats, shown.moved_at], ['completed', ['r6s1', 'r6s2'], undefined]);
  assertProblem(await move(order, ['r6s1', 'r6s3']), 409, 'ticket-used');
  assert.equal((await move(order, ['r6s2', 'r6s3'])).status, 202, 'another seat may');
  await moved(order);
  assert.deepEqual(await sold(order), ['r6s1', 'r6s3']);
  const mails = world.postgres.rows(`SELECT kind FROM pay.mail_outbox WHERE order_id = '${order}' ORDER BY id`, 'pay');
  assert.deepEqual(mails.map(({ kind }) => kind), ['completed', 'renewed-1', 'moved-2']);
  assert.match(await world.mailOf(order, 'renewed-1'), /your tickets were reissued[^]*\/pay\/tickets\//);
  assert.match(await world.mailOf(order, 'moved-2'), /The organiser has changed seats/);
  await assertAgreed();
});

test('a move makes sense, or is refused before anything changes', async () => {
  const { order, tickets } = await buy('r5s1');
  await buy('r5s2');
  assertProblem(await move(order, ['r5s1', 'r5s2']), 409, 'seats-taken');
  assertProblem(await move(order, ['r5s9', 'r5s3']), 409, 'seat-not-in-order');
  assertProblem(await move(order, ['r5s1', 'r5s3'], ['r5s1', 'r5s4']), 400, 'bad-request');
  assertProblem(await move(order, ['r5s1', 'r5s1'], ['r5s3', 'r5s4']), 400, 'bad-request');
  assertProblem(await move('o_unknown', ['r5s1', 'r5s3']), 404, 'order-unknown');
  assert.equal((await hold('r5s5')).status, 201);
  assertProblem(await move(order, ['r5s1', 'r5s5']), 409, 'seats-taken');
  assertProblem(await move(order, ['r5s1', 'r99s1']), 422, 'seat-unknown');
  assertProblem(await move(order, ['r5s1', 'r6s9']), 409, 'category-differs');
  world.wire.break();
  assertProblem(await move(order, ['r5s1', 'r5s3']), 503, 'unavailable');
  world.wire.heal();
  assert.deepEqual((await sagasOf(order)).filter(({ definition }) => definition === 'move.1'), [], 'nothing has begun');
  assert.deepEqual(await buyer.tickets(order), tickets, 'and every ticket is as good as it was');
  assert.equal((await move(order, ['r5s1', 'r5s3'])).status, 202);
  await moved(order);
  const other = await world.pay.admin.post(`/admin/orders/${order}/move`, {
    body: { seats: [{ from: 'r5s3', to: 'r6s9' }], reason: 'the wish of the guest', other_category: true },
  });
  assert.equal(other.status, 202, other.text);
  await until('the second move', async () => (await sold(order))[0] === 'r6s9');
  assert.equal((await buyer.read(order)).amount, 150_000, 'at the price that was paid');
  await until('its ticket', async () => (await buyer.tickets(order))[0]?.seat === 'r6s9');
  assert.equal(await scan((await buyer.tickets(order))[0].token), 'in');
});

test('a transferred ticket is reissued for its new holder', async () => {
  const friend = await world.login('pbkdf2@example.com');
  const { order, tickets } = await buy('r4s1');
  await world.handOn(tickets[0], buyer, friend);
  assert.equal((await move(order, ['r4s1', 'r4s2'])).status, 202);
  await moved(order);
  const [now] = await friend.tickets(order);
  assert.deepEqual([now.seat, now.state], ['r4s2', 'valid']);
  const mails = world.postgres.rows(`SELECT member, kind FROM pay.mail_outbox WHERE order_id = '${order}' AND kind = 'moved-1'`, 'pay');
  assert.equal(new Set(mails.map(({ member: who }) => who)).size, 2);
  const words = await world.mailOf(order, 'moved-1', 'pbkdf2@example.com');
  assert.match(words, new RegExp(`좌석을 변경했습니다.*/pay/tickets/${order}`, 's'), 'in their own language, which the order is not in');
  assert.doesNotMatch(words, /KRW/);
  assert.equal(await scan(now.token), 'in');
});

test('a stolen ticket is void, and its holder has a new one for the same place', async () => {
  const [other, standing] = [await buy('r3s1', 'r3s2'), []];
  // An area's places have the same names in each order.
  for (let n = 0; n < 2; n += 1) standing.push(await world.buy(buyer, { area: 'floor', quantity: 1 }));
  world.wire.break(); // the seat service is not needed
  for (const [order, seat] of [[other.order, 'r3s1'], ...standing.map((order) => [order, 'floor#1'])]) {
    const before = await buyer.tickets(order);
    assert.equal((await move(order, [seat, seat])).status, 202);
    await moved(order);
    const [old, now] = [before, await buyer.tickets(order)].map((all) => all.find((one) => one.seat === seat));
    assert.deepEqual([await scan(old.token), await scan(now.token)], ['revoked', 'in']);
    assert.match(await world.mailOf(order, 'renewed-1'), /your tickets were reissued/);
    assert.equal((await buyer.read(order)).moved_at, undefined);
    assertProblem(await move(order, [seat, seat]), 409, 'ticket-used');
    const { acts, letters } = (await world.pay.admin.get(`/admin/orders/${order}`)).json;
    assert.deepEqual([acts.find(({ actor }) => actor === 'operator').act, letters.map(({ kind }) => kind)], ['tickets-renewed', ['completed']]);
  }
  world.wire.heal();
  assert.equal(await scan(other.tickets[1].token), 'in', 'the other ticket is as good as it was');
  await assertAgreed();
});

test('of a move, a refund and a check-in one is first, and the others see it', async () => {
  const race = async (nth) => {
    const seat = `r2s${1 + nth}`;
    const to = `r1s${1 + nth}`;
    const { order, tickets } = await buy(seat);
    const acts = [() => move(order, [seat, to]), () => buyer.post(`/v1/pay/orders/${order}/refund`), () => scan(tickets[0].token)];
    const [moving, refund, door] = await Promise.all([...acts.slice(nth % 3), ...acts.slice(0, nth % 3)].map((act) => act())).then((all) => [
      all[(3 - (nth % 3)) % 3],
      all[(4 - (nth % 3)) % 3],
      all[(5 - (nth % 3)) % 3],
    ]);
    const won = [moving.status === 202, refund.status === 202, door === 'in'];
    // On a busy machine the refund may come after the move: then it refunds the moved seat.
    const later = won[0] && won[1];
    if (later) assert.equal(world.postgres.sql(`SELECT m.ended_at <= r.started_at FROM pay.saga m JOIN pay.saga r USING (subject)
      WHERE subject = '${order}' AND m.key LIKE 'move.%' AND r.key LIKE 'refund.%'`, 'pay'), 't');
    assert.equal(won.filter(Boolean).length, later ? 2 : 1, `${moving.text} ${refund.text} ${door}`);
    if (won[0] && !later) await moved(order);
    if (won[1]) await until('the refund', async () => (await sold(order)).length === 0);
    assert.deepEqual(await sold(order), won[1] ? [] : won[0] ? [to] : [seat]);
  };
  for (let nth = 0; nth < 9; nth += 1) await race(nth);
  await assertAgreed();
});
