// A refund invalidates first: tickets, then seats, then money; then the shop is notified, which answers like a real one.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { startShop } from '../demo-shop/shop.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
const shop = await startShop(scope, { users: 25, hashes: 'cheap' });
const world = await openWorld(scope, {
  shop: { url: `http://127.0.0.1:${shop.port}/api/orders/import`, list_url: '', key: shop.apiKeyPath, retry_max: '200ms' },
});
world.psp.autoPay = true;
const buyer = await world.login();

async function buy(visitor = buyer) {
  const order = await world.orderedAs(visitor, 'completed');
  return { order, tickets: await visitor.tickets(order) };
}

async function refund(order, visitor = buyer) {
  assertStatus(await visitor.post(`/v1/pay/orders/${order}/refund`), 202);
}

const sagasOf = async (order) => (await world.pay.admin.get(`/admin/sagas?state=all&order=${order}`)).json.sagas;
const atShop = async (order) => (await shop.partner.get(`/api/orders/import/${order}`)).json;
const revoked = async () => (await world.pay.http.get(`/v1/pay/events/${EVENT}/revoked-tickets`)).json.revoked;

test('tickets are dead and seats free before the provider is asked for the money', async () => {
  const { order, tickets } = await buy();
  const { hold } = world.postgres.rows(`SELECT hold FROM pay.orders WHERE id = '${order}'`, 'pay')[0];
  let answer;
  world.psp.fault('POST /v1/refunds', { wait: new Promise((go) => { answer = go; }) }, Infinity);
  const asked = await Promise.all([1, 2, 3].map(() => buyer.post(`/v1/pay/orders/${order}/refund`)));
  assert.ok(asked.every(({ status }) => [200, 202, 409].includes(status)));
  await until('the provider to be asked', () => world.psp.calls.some(({ path, body }) => path === '/v1/refunds' && body.includes(order)));
  assert.equal(world.psp.of(order)[0].latest_charge.amount_refunded, 0, 'the provider has not answered');
  assert.equal(world.seats.holds.get(hold).state, 'gone');
  const list = await revoked();
  for (const { ticket } of tickets) assert.ok(list.includes(ticket), `${ticket} is on the list`);
  const states = (await buyer.tickets(order)).map(({ state, qr }) => [state, qr]);
  assert.deepEqual(states, Array(2).fill(['revoked', undefined]));
  const page = async () => (await buyer.get(`/pay/tickets/${order}`, { 'accept-language': 'en' })).text;
  assert.match(await page(), /This ticket is being refunded/);
  answer();
  await world.untilStatus(buyer, order, 'refunded');
  world.psp.heal();
  assert.equal(world.psp.of(order)[0].latest_charge.amount_refunded, 154_000, 'once');
  assert.match(await page(), /This ticket was refunded/);
  const [saga] = await sagasOf(order);
  const { timeline } = (await world.pay.admin.get(`/admin/sagas/${saga.saga}`)).json;
  assert.equal(saga.definition, 'refund.2');
  assert.deepEqual(timeline.filter(({ result }) => result === 'done').map(({ step }) => step), ['revoke_tickets', 'free_seats', 'refund_payment', 'tell_shop']);
});

test('a refund that the provider refuses is parked with an alarm, and the buyer sees its state', async () => {
  const { order, tickets } = await buy();
  world.psp.refuseRefundOf = order;
  await refund(order);
  const parked = await world.untilStatus(buyer, order, 'parked');
  assert.equal(parked.reason, 'refund-held');
  assert.match(parked.message, /티켓은 무효가 되었지만/);
  assert.match((await buyer.get(`/pay/orders/${order}?lang=en`)).text, /Your tickets are void, but the payment provider has not completed your refund yet/);
  for (const { token } of tickets) assert.equal((await world.scan(token)).json.code, 'revoked');
  await until('the alarm', async () => (await world.pay.metrics()).get('fairgate_sagas_parked') === 1);
  const [saga] = await sagasOf(order);
  assert.deepEqual([saga.state, saga.step, saga.cause], ['parked', 'refund_payment', 'charge_not_refundable']);
  world.psp.refuseRefundOf = null;
  assertStatus(await world.pay.admin.post(`/admin/sagas/${saga.saga}/retry`, { body: { reason: 'the provider has set it right' } }), 200);
  const after_ = await world.untilStatus(buyer, order, 'refunded');
  assert.equal(after_.reason, undefined);
});

test('the shop hears of an order before its refund, however early that is asked for', async () => {
  const visitor = await world.login('pbkdf2@example.com');
  world.queue.fault('/internal/sessions/', 503, Infinity); // the checkout cannot end the visit
  const early = await buy(visitor);
  assert.ok((await sagasOf(early.order)).some(({ step, state }) => step === 'end_session' && state === 'running'));
  await refund(early.order, visitor);
  await world.untilStatus(visitor, early.order, 'refunded');
  await until('the shop to have both', async () => (await atShop(early.order)).status === 'refunded');
  world.queue.heal();
  const next = await buy(visitor);
  await until('the shop to have the next', async () => (await atShop(next.order)).external_id === next.order);
});

test('a letter that the shop refuses for good is parked with an alarm, and the others go on', async () => {
  const visitor = await world.login('sha512crypt@example.com');
  const lost = await buy(visitor);
  await until('the shop to have it', async () => (await atShop(lost.order)).external_id === lost.order);
  shop.sql(`DELETE FROM orders WHERE external_id = '${lost.order}'`);
  await refund(lost.order, visitor);
  await world.untilStatus(visitor, lost.order, 'refunded');
  const next = await buy(visitor);
  await until('the shop to have the next', async () => (await atShop(next.order)).external_id === next.order);
  await until('the alarm', async () => (await world.pay.metrics()).get('fairgate_shop_letters_parked') === 1);
  const { letters } = (await world.pay.admin.get('/admin/letters')).json;
  assert.deepEqual(letters.map(({ order, kind, error }) => [order, kind, error]), [[lost.order, 'refunded', 'status 404']]);
  world.postgres.sql(`INSERT INTO pay.drift_accepted (name, event, order_id, payment, kind, detail, reason)
    SELECT pay.drift_name('not-at-shop', order_id, kind, error), event, order_id, kind, 'not-at-shop', error, 'as agreed'
    FROM pay.shop_outbox JOIN pay.orders o ON o.id = order_id WHERE order_id = '${lost.order}' AND done_at IS NULL`, 'pay');
  await until('no alarm for what was accepted', async () => (await world.pay.metrics()).get('fairgate_shop_letters_parked') === 0);
  const first = world.postgres.sql(`SELECT id FROM pay.shop_outbox WHERE order_id = '${lost.order}' AND kind = 'completed'`, 'pay');
  const retried = await world.pay.admin.post(`/admin/letters/${first}/retry`);
  assert.deepEqual([retried.status, retried.json], [200, { order: lost.order, kind: 'completed' }]);
  const { acts } = (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${lost.order}`)).json;
  assert.deepEqual(acts.slice(0, 2).map(({ act, actor, detail }) => `${act} ${actor} ${detail.kind}`).sort(), ['letter-retried operator completed', 'letter-retried operator refunded']);
  await until('the refund to arrive', async () => (await atShop(lost.order)).status === 'refunded');
  assert.deepEqual((await world.pay.admin.get('/admin/letters')).json.letters, []);
  assert.equal((await world.pay.admin.post('/admin/letters/999999/retry')).status, 404);
});

const TERMS = `/admin/events/${EVENT}/refund-terms`;
const terms = async () => (await world.pay.admin.get(TERMS)).json;
const ANY = { by: 'buyer', until: null, before_start_s: null, percent: 100, handed_on: false };

async function setTerms(more) {
  const { version } = await terms();
  const answer = assertStatus(await world.pay.admin.put(TERMS, { headers: { 'if-match': `"${version}"` }, body: { ...ANY, reason: 'a test', ...more } }), 200);
  return answer.json;
}

test('the terms of refunds are set against the version that was read, and every change is on record', async () => {
  const open = `/v1/pay/events/${EVENT}/refund-terms`;
  const before_ = (await world.pay.http.get(open)).json;
  assert.deepEqual(before_, { event: EVENT, id: 'default-0', version: 0, by: 'buyer', until: null, before_start_s: 86400, percent: 100, handed_on: false });
  const put = (version, more = {}) => world.pay.admin.put(TERMS, { headers: version === null ? {} : { 'if-match': `"${version}"` }, body: { ...ANY, reason: 'a test', ...more } });
  assertProblem(await put(null), 428, 'if-match-required');
  assertProblem(await put(3), 412, 'version-mismatch');
  assertProblem(await put(0, { percent: 0 }), 400, 'bad-request');
  assertProblem(await put(0, { by: 'nobody' }), 400, 'bad-request');
  const both = await Promise.all([put(0, { percent: 90 }), put(0, { percent: 80 })]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412]);
  const now = await terms();
  assert.equal(now.version, 1);
  assertProblem(await put(0), 412, 'version-mismatch');
  assert.equal((await put(1, { until: '2031-01-01T00:00:00Z', handed_on: true })).json.version, 2);
  const acts = (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${EVENT}`)).json.acts;
  assert.deepEqual(acts.map(({ act, actor, reason, detail }) => [act, actor, reason, detail.from?.version, detail.to.version]), [
    ['refund-terms', 'operator', 'a test', 1, 2],
    ['refund-terms', 'operator', 'a test', undefined, 1],
  ]);
  assert.equal((await world.pay.http.get('/v1/pay/events/another/refund-terms')).json.version, 0);
});

test('an order is made on the terms that its buyer was shown, or not at all', async () => {
  const shown = async (event = EVENT) => (await world.pay.http.get(`/v1/pay/events/${event}/refund-terms`)).json.id;
  const visit = world.hold();
  const order = (refund_terms, key) => world.order(buyer, visit, { key, body: { refund_terms } });
  const old = await shown();
  await setTerms({ percent: 10 });
  const refused = assertProblem(await order(old, 'terms-1'), 409, 'refund-terms-changed');
  assert.ok(refused.detail);
  for (const wrong of ['', 'x'.repeat(21), 'a b', 7]) assertProblem(await order(wrong, 'terms-2'), 400, 'bad-request');
  assertProblem(await order('default-0', 'terms-3'), 409, 'refund-terms-changed');
  assert.equal(world.postgres.sql(`SELECT count(*) FROM pay.orders WHERE hold = '${visit.hold}'`, 'pay'), '0');
  const now = await shown();
  const made = assertStatus(await order(now, 'terms-1'), 201);
  assert.equal(made.json.refund.amount, 15_400);
  await setTerms({ percent: 20 });
  const again = await order(now, 'terms-1');
  assert.deepEqual([again.status, again.json.order], [200, made.json.order], 'the key gives the order that it made');
  assertProblem(await order(await shown(), 'terms-1'), 422, 'idempotency-key-reused');
  const silent = await world.order(buyer, world.hold());
  assert.equal(silent.json.refund.amount, 30_800, 'who names no terms takes those of the moment');
  await setTerms({});
});

test('an order is made for the hold, the sum and the member that its buyer was shown, or not at all', async () => {
  const { member } = (await buyer.get('/v1/pay/me')).json;
  const visit = world.hold();
  const order = (body, key) => world.order(buyer, visit, { key, body: { hold_version: 1, amount: 154_000, member, ...body } });
  for (const wrong of [{ hold_version: 2 }, { amount: 153_999 }, { amount: 0 }, { member: `${member}0` }])
    assert.ok(assertProblem(await order(wrong, 'shown-1'), 409, 'checkout-changed').detail);
  for (const wrong of [{ hold_version: 0 }, { hold_version: 2 ** 32 }, { amount: -1 }, { amount: '154000' }, { member: '' }]) assertProblem(await order(wrong, 'shown-2'), 400, 'bad-request');
  assert.equal(world.postgres.sql(`SELECT count(*) FROM pay.orders WHERE hold = '${visit.hold}'`, 'pay'), '0');
  assertStatus(await order({}, 'shown-1'), 201);
  for (const other of [{ hold_version: 2 }, { amount: 1 }]) assertProblem(await order(other, 'shown-1'), 422, 'idempotency-key-reused');
  const old = world.hold();
  delete world.seats.holds.get(old.hold).version; // a seat service of the version before
  assertProblem(await world.order(buyer, old, { body: { hold_version: 1 } }), 409, 'checkout-changed');
  assertStatus(await world.order(buyer, old), 201);
});

test('terms of the configuration have another id once it has changed', async () => {
  const id = async (pay) => (await pay.http.get('/v1/pay/events/another/refund-terms')).json.id;
  const ids = [await id(world.pay)];
  for (const refund of [{ percent: 50 }, { percent: 50 }, {}]) {
    const other = await world.startPay({ refund, saga: { instance: 'other' } });
    ids.push(await id(other));
    await other.stop();
  }
  assert.deepEqual(ids.map((one) => one === ids[1]), [false, true, true, false]);
});

test('an order keeps the terms that it was made on, and its page tells them', async () => {
  await setTerms({ until: '2031-01-01T00:00:00Z' });
  const free = await buy();
  await setTerms({ by: 'operator' });
  const bound = await buy();
  await setTerms({ until: new Date(Date.now() - 60_000).toISOString() });
  const late = await buy();
  const read = async ({ order }) => (await buyer.read(order)).refund;
  assert.deepEqual(await read(free), { by: 'buyer', until: '2031-01-01T00:00:00.000Z', amount: 154000, handed_on: false });
  assert.equal((await read(bound)).by, 'operator');
  const page = async ({ order }, lang) => (await buyer.get(`/pay/orders/${order}?lang=${lang}`)).text;
  assert.match(await page(free, 'en'), /Refundable until.*2031-01-01.*Refundable amount<\/dt><dd><data value="154000"/s);
  assert.match(await page(free, 'ko'), /환불 가능 기한.*2031-01-01/);
  assert.match(await page(bound, 'en'), /The organiser handles refunds for this event/);
  assert.match(await page(late, 'ko'), /환불 가능 기한이 지났습니다/);
  for (const one of [bound, late]) assert.ok(!(await page(one, 'en')).includes('data-act="refund"'));
  assertProblem(await buyer.post(`/v1/pay/orders/${bound.order}/refund`), 409, 'refund-by-operator');
  assertProblem(await buyer.post(`/v1/pay/orders/${late.order}/refund`), 409, 'refund-too-late');
  await refund(free.order);
  await world.untilStatus(buyer, free.order, 'refunded');
  const byHand = (order, body) => world.pay.admin.post(`/admin/orders/${order}/refund`, { body });
  assertProblem(await byHand(late.order, {}), 400, 'bad-request');
  assertProblem(await byHand('o_nothing', { reason: 'x' }), 404, 'order-unknown');
  assert.equal((await byHand(late.order, { reason: 'the show is put off' })).status, 202);
  await world.untilStatus(buyer, late.order, 'refunded');
  assertProblem(await byHand(late.order, { reason: 'again' }), 409, 'not-refundable');
  const [act] = (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${late.order}`)).json.acts;
  assert.deepEqual([act.act, act.actor, act.reason, act.detail], ['refund', 'operator', 'the show is put off', { amount: 154000 }]);
  assert.equal((await world.pay.metrics()).get('fairgate_odd_events_total{what="refusal-of-unknown-code"}'), 0);
});

test('a part is given back where the terms say so', async () => {
  await setTerms({ percent: 70 });
  const { order } = await buy();
  assert.equal((await buyer.read(order)).refund.amount, 107800);
  await refund(order);
  await world.untilStatus(buyer, order, 'refunded');
  assert.equal(world.psp.of(order)[0].latest_charge.amount_refunded, 107800);
  assert.match((await buyer.get(`/pay/orders/${order}?lang=en`)).text, /Refund amount<\/dt><dd><data value="107800"/);
  assert.match(await world.mailOf(order, 'refunded'), /: KRW 107,800/);
  await until('the shop to know', async () => (await atShop(order)).status === 'refunded');
});

test('an order with a transferred ticket is refunded if the terms allow it, and its holder is notified', async () => {
  const friend = await world.login('argon2id@example.com');
  await setTerms({});
  const bound = await buy();
  await setTerms({ handed_on: true });
  const free = await buy();
  for (const { tickets: [ticket] } of [bound, free]) await world.handOn(ticket, buyer, friend);
  assertProblem(await buyer.post(`/v1/pay/orders/${bound.order}/refund`), 409, 'tickets-handed-on');
  await refund(free.order);
  await world.untilStatus(buyer, free.order, 'refunded');
  const words = await world.mailOf(free.order, 'revoked', 'argon2id@example.com');
  const [kept, gone] = [free.tickets[1], free.tickets[0]].map(({ number }) => number);
  assert.match(words, new RegExp(`seat ${gone}\\b`));
  assert.doesNotMatch(words, new RegExp(`seat ${kept}\\b|KRW`));
  assertStatus(await friend.get(new URL(words.match(/http\S+/)[0]).pathname), 200);
});
