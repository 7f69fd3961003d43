// The operator's view: sagas, retry and compensate, reconciliation.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope);
const buyer = await world.login();

const complete = () => world.bought(buyer);

const sagaOf = async (order) =>
  (await world.pay.admin.get(`/admin/sagas?state=all&order=${order}`)).json.sagas[0];

// Makes the order two hours older.
const age = (order) => {
  world.sql(`UPDATE pay.orders SET changed_at = now() - interval '2 hours' WHERE id = '${order}';
    UPDATE pay.psp_payment SET seen_at = now() - interval '2 hours' WHERE order_id = '${order}'`);
};

test('the timeline of a saga is listed and shown', async () => {
  const order = await complete();
  await world.settle();
  const saga = await sagaOf(order);
  assert.equal(saga.state, 'completed');
  const shown = (await world.pay.admin.get(`/admin/sagas/${saga.saga}`)).json;
  assert.equal(shown.data.order, order);
  assert.deepEqual(
    shown.timeline.filter(({ result }) => result === 'done').map(({ step }) => step),
    ['extend_hold', 'create_payment', 'await_buyer', 'confirm_seats', 'capture', 'issue_tickets', 'end_session', 'hand_over'],
  );
  assert.deepEqual([shown.steps.join(' '), shown.pivot], ['extend_hold create_payment await_buyer confirm_seats capture issue_tickets end_session hand_over', 'capture']);
  const [listed] = (await world.pay.admin.get('/admin/sagas?limit=200&state=all')).json.sagas.filter((one) => one.order === order);
  assert.deepEqual([listed.saga, listed.definition, listed.state], [saga.saga, 'checkout.1', 'completed']);
  assert.ok(shown.timeline.some((one) => one.way === 'do' && one.step === 'capture' && one.result === 'done' && one.try === 1));
  assert.equal((await world.pay.private.get('/admin/sagas')).status, 401);
  assertProblem(await world.pay.admin.get('/admin/sagas/999999'), 404, 'saga-unknown');
  for (const odd of ['state=odd', 'limit=0']) assertProblem(await world.pay.admin.get(`/admin/sagas?${odd}`), 400, 'bad-request');
});

async function parkedAtCapture() {
  const order = await world.ordered(buyer, world.hold());
  world.psp.fault('/capture', 500, Infinity);
  world.psp.fault('GET /v1/payment_intents', 500, Infinity);
  const intent = await world.paymentOf(order);
  intent.status = 'requires_capture';
  // The payment is unreadable now; the test must pass the step before the capture by hand in time.
  world.psp.faults = world.psp.faults.filter(({ match }) => match === '/capture');
  await world.untilStatus(buyer, order, 'confirming');
  const saga = await until('tries at the capture', async () => {
    const one = await sagaOf(order);
    return one.step === 'capture' && one.tries > 0 && one;
  });
  // Makes it a day old. A worker that has it overwrites the time.
  await until('it to be parked', async () => {
    world.postgres.sql(`UPDATE pay.saga SET step_at = now() - interval '25 hours' WHERE id = ${saga.saga} AND NOT leased`, 'pay');
    return (await sagaOf(order)).state === 'parked';
  });
  return { order, saga: saga.saga };
}

test('a saga that cannot go on is parked with an alarm, and an operator lets it go on', async () => {
  const { order, saga } = await parkedAtCapture();
  assert.equal((await buyer.get(`/v1/pay/orders/${order}`)).json.status, 'parked');
  const alarmsAre = (count) => until(`${count} alarms`, async () => (await world.pay.metrics()).get('fairgate_sagas_parked') === count);
  await alarmsAre(1);
  const { difference } = (await world.report()).items.find((item) => item.kind === 'parked' && item.order === order);
  for (const [act, alarms] of [['accept', 0], ['withdraw', 1]]) {
    assertStatus(await world.pay.admin.post(`/admin/reconcile/${difference}/${act}`, { body: { reason: 'paid by bank transfer' } }), 204);
    await alarmsAre(alarms);
    await until('the chart', async () => (await world.pay.admin.get(`/admin/events/${EVENT}/counts`)).json.now.parked === alarms);
  }
  world.psp.heal();
  assertProblem(await world.pay.admin.post(`/admin/sagas/${saga}/retry`, { body: {} }), 400, 'bad-request');
  assert.equal((await world.pay.admin.post(`/admin/sagas/${saga}/retry`, { body: { reason: 'the provider is back' } })).status, 200);
  await world.untilStatus(buyer, order, 'completed');
  await world.settle(); // the tickets exist before the saga has ended
  const shown = (await world.pay.admin.get(`/admin/sagas/${saga}`)).json;
  const note = shown.timeline.find(({ result }) => result === 'operator');
  assert.deepEqual([note.code, note.detail], ['retry', 'the provider is back']);
  assertProblem(await world.pay.admin.post(`/admin/sagas/${saga}/retry`, { body: { reason: 'x' } }), 409, 'not-allowed');
});

test('an operator turns a parked saga back', async () => {
  const { order, saga } = await parkedAtCapture();
  world.psp.heal();
  assert.equal((await world.pay.admin.post(`/admin/sagas/${saga}/compensate`, { body: { reason: 'the buyer called' } })).status, 200);
  const [act] = (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${order}`)).json.acts;
  assert.deepEqual([act.act, act.actor, act.reason, act.detail, act.who], ['saga-compensated', 'operator', 'the buyer called', { saga }, undefined]);
  await until('it to be undone', async () => (await sagaOf(order)).state === 'undone');
  assert.equal((await buyer.get(`/v1/pay/orders/${order}`)).json.status, 'failed');
  await world.settle();
  assert.equal(world.psp.of(order)[0].status, 'canceled');
  await until('the mail', () => world.smtp.mails.filter(({ text }) => text.includes(`<${order}.failed@`)).length === 1);
  const done = await complete();
  await world.settle();
  const ended = await sagaOf(done);
  assertProblem(await world.pay.admin.post(`/admin/sagas/${ended.saga}/compensate`, { body: { reason: 'x' } }), 409, 'not-allowed');
});

test('a saga of a version that this program does not have waits for one that has it', async () => {
  const order = await world.ordered(buyer, world.hold());
  const rename = (from, to) => world.postgres.sql(
    `WITH renamed AS (UPDATE pay.saga SET key = '${to}' WHERE subject = '${order}' AND key = '${from}' AND NOT leased RETURNING 1)
     SELECT count(*) FROM renamed`, 'pay') === '1';
  await until('no worker to have it in hand', () => rename('checkout.1', 'checkout.9'));
  await world.payOrder(order);
  await complete(); // another one passes
  const { saga, definition, state } = await sagaOf(order);
  assert.deepEqual([definition, state], ['checkout.9', 'running']);
  await until('the alarm', async () => (await world.pay.metrics()).get('fairgate_sagas_unknown') === 1);
  assertProblem(await world.pay.admin.post(`/admin/sagas/${saga}/retry`, { body: { reason: 'luck' } }), 409, 'not-allowed');
  assert.ok(rename('checkout.9', 'checkout.1'));
  await world.untilStatus(buyer, order, 'completed');
  await world.settle();
});

test('each kind of drift is found, counted and explained', async () => {
  const kinds = async () => (await world.report()).items.map(({ kind, order, payment }) => `${kind} ${order || payment}`);
  // Money without an order: captured by hand.
  const lost = await world.ordered(buyer, world.hold());
  await buyer.post(`/v1/pay/orders/${lost}/cancel`);
  await world.untilStatus(buyer, lost, 'cancelled');
  await world.settle();
  const [intent] = world.psp.of(lost);
  intent.status = 'succeeded';
  intent.amount_received = intent.amount;
  world.psp.event('payment_intent.succeeded', intent);
  // Seats that were released behind our back, and seats sold past us.
  const robbed = await complete();
  const hold = world.postgres.sql(`SELECT hold FROM pay.orders WHERE id = '${robbed}'`, 'pay');
  world.seats.holds.get(hold).state = 'gone';
  const stray = world.seats.hold('gala', 's-stray', { seats: ['Z-99'] });
  world.seats.holds.get(stray).state = 'sold';
  // A completed order whose ticket was deleted, and one with an unknown capture.
  const bare = await complete();
  world.postgres.sql(`UPDATE pay.ticket SET revoked_at = now() WHERE order_id = '${bare}'`, 'pay');
  const unpaid = await complete();
  // At the shop: a forgotten order, one with another amount, and one that we did not send.
  const forgotten = await complete();
  const changed = await complete();
  await until('the shop to have them', () => [forgotten, changed].every((order) => world.shop.orders.has(`${order}-completed`)));
  world.shop.orders.delete(`${forgotten}-completed`);
  world.shop.orders.get(`${changed}-completed`).amount = 1;
  world.shop.orders.set('x', { external_id: 'o_nobody', kind: 'completed', amount: 5 });
  world.postgres.sql("TRUNCATE pay.shop_order; DELETE FROM pay.reconcile_cursor WHERE provider = 'shop'", 'pay');
  await until('the letters to be done', () => world.postgres.sql('SELECT count(*) FROM pay.shop_outbox WHERE done_at IS NULL', 'pay') === '0');
  world.postgres.sql("UPDATE pay.shop_outbox SET done_at = now() - interval '2 hours'", 'pay');
  await world.report();
  world.postgres.sql(`UPDATE pay.psp_payment SET captured = 0 WHERE order_id = '${unpaid}'`, 'pay');
  for (const order of [lost, robbed, bare, unpaid]) age(order);
  const found = await kinds();
  for (const wanted of [
    `money-without-order ${lost}`,
    `seat-not-sold ${robbed}`,
    `tickets-missing ${bare}`,
    `completed-without-money ${unpaid}`,
    `lost-at-shop ${forgotten}`,
    `other-amount-at-shop ${changed}`,
    'unknown-at-shop o_nobody',
  ])
    assert.ok(found.includes(wanted), `${wanted} is not among ${found}`);
  assert.ok(found.some((one) => one.startsWith('sold-without-order')));
  const { means } = (await world.report()).items.find(({ kind }) => kind === 'money-without-order');
  assert.equal(means, 'The provider holds money for which no order is completed.');
  assert.ok((await world.pay.metrics()).get('fairgate_drift') >= 5);
});

test('a neighbour that cannot be asked is named, and hides nothing', async () => {
  const { items } = await until('both to be named, and nobody who was only slow', async () => {
    world.psp.fault('/v1/events', 500, 1);
    world.seats.fault('/export', 500, 1);
    const { json } = await world.pay.admin.post('/admin/reconcile', { body: {} });
    for (const fake of [world.psp, world.seats]) fake.heal();
    return assert.deepEqual(json.not_reached, ['provider', 'seat-service']) ?? json;
  });
  assert.ok(items.some(({ kind }) => kind === 'tickets-missing'));
});

test('the act that a difference names ends it, and what stays is accepted until its sum changes', async () => {
  const { items } = await world.report();
  const act = (path) => world.pay.admin.post(path, { body: { reason: 'as it says' } });
  const ended = items.filter(({ kind }) => ['seat-not-sold', 'tickets-missing', 'lost-at-shop'].includes(kind));
  for (const { kind, order, detail } of ended) {
    if (kind === 'lost-at-shop') {
      await act(`/admin/letters/${/letter (\d+)/.exec(detail)[1]}/retry`);
      await until('the shop to have it again', () => world.shop.orders.has(`${order}-completed`));
    } else {
      await act(`/admin/orders/${order}/refund`);
      await world.untilStatus(buyer, order, 'refunded');
    }
  }
  assert.ok(ended.length >= 3);
  await until('the letters to be done', () => world.postgres.sql('SELECT count(*) FROM pay.shop_outbox WHERE done_at IS NULL', 'pay') === '0');
  ended.forEach(({ order }) => age(order));
  const left = await world.report();
  assert.deepEqual(left.items.filter(({ order }) => ended.some((one) => one.order === order)), []);

  assertProblem(await act('/admin/reconcile/0123456789abcdef/accept'), 404, 'difference-unknown');
  for (const { difference } of left.items) assert.equal((await act(`/admin/reconcile/${difference}/accept`)).status, 204);
  const gauges = async () => {
    const metrics = await world.pay.metrics();
    return [metrics.get('fairgate_drift'), metrics.get('fairgate_drift_accepted')];
  };
  const { drift, accepted } = await world.report();
  assert.deepEqual([drift, accepted.count], [0, left.drift]);
  assert.deepEqual(accepted.items.map(({ accepted: { reason }, difference }) => `${difference} ${reason}`).sort(), left.items.map(({ difference }) => `${difference} as it says`).sort());
  assert.deepEqual(await gauges(), [0, left.drift]);
  const { at, passed_at: passedAt } = (await world.pay.admin.get('/admin/reconcile')).json;
  assert.ok(Date.parse(passedAt) <= Date.parse(at), 'all were looked at');
  const [unpaid, other] = ['completed-without-money', 'other-amount-at-shop'].map((kind) => accepted.items.find((item) => item.kind === kind));
  assert.equal(unpaid.sum, -154_000);
  world.postgres.sql(`UPDATE pay.psp_payment SET captured = 1 WHERE order_id = '${unpaid.order}'`, 'pay');
  assert.equal((await act(`/admin/reconcile/${other.difference}/withdraw`)).status, 204);
  assert.deepEqual((await world.report()).items.map(({ kind, sum }) => `${kind} ${sum}`).sort(), ['completed-without-money -153999', 'other-amount-at-shop undefined']);
  assert.deepEqual(await gauges(), [2, left.drift - 2]);
  assert.deepEqual(
    (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${other.order}`)).json.acts.map((one) => `${one.act} ${one.reason}`).slice(0, 2),
    ['difference-withdrawn as it says', 'difference-accepted as it says'],
  );
});

test('an uploaded picture of an event is served for good, by what it is', async () => {
  const PATH = `/admin/events/${EVENT}/pictures`;
  const webp = (size, words = '') => Buffer.concat([Buffer.from(`RIFF\0\0\0\0WEBP${words}`), Buffer.alloc(size)]).subarray(0, size);
  const upload = (body, headers = {}) => world.pay.admin.post(PATH, { body, headers });
  assertProblem(await world.pay.private.post(PATH, { body: webp(400) }), 401, 'admin-token-required');
  assertProblem(await upload(webp(20_001)), 413, 'body-too-large');
  for (const wrong of ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'RIFF----WAVE', '', webp(11)])
    assertProblem(await upload(wrong, { 'content-type': 'image/webp' }), 415, 'not-a-picture');
  for (const [type, bytes] of [['webp', webp(20_000)], ['jpeg', Buffer.from('ffd8ffe000', 'hex')], ['png', Buffer.from('89504e470d0a1a0a00', 'hex')]]) {
    const { picture } = assertStatus(await upload(bytes), 201).json;
    assert.equal((await upload(bytes)).json.picture, picture);
    const { headers, body } = assertStatus(await buyer.get(picture), 200);
    assert.deepEqual([headers['content-type'], headers['cache-control'], headers['x-content-type-options']], [`image/${type}`, 'public, max-age=31536000, immutable', 'nosniff']);
    assert.ok(body.equals(bytes));
  }
  const first = (await upload(webp(400, 'first'))).json.picture;
  assert.notEqual((await world.pay.admin.post('/admin/events/another/pictures', { body: webp(400, 'first') })).json.picture, first);
  for (let i = 4; i < 100; i += 1) assertStatus(await upload(webp(400, `later ${i}`)), 201);
  assertProblem(await upload(webp(400, 'too many')), 409, 'too-many-pictures');
  assertStatus(await upload(webp(400, 'first')), 201);
  assertStatus(await buyer.get(first), 200);
  const [{ act, detail }] = (await world.pay.admin.get(`/admin/events/${EVENT}/audit`)).json.acts;
  assert.deepEqual([act, typeof detail.picture], ['picture-uploaded', 'string']);
});
