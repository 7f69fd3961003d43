// A row that the database rejects does not delay others: it is set aside with its reason.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope);
world.psp.autoPay = true;

const sql = (text) => world.postgres.sql(text, 'pay');
const refusal = (detail) => ({ status: 409, body: { code: 'hold-changed', detail } });

test('a sentence of a neighbour that is too long is cut between letters', async () => {
  const buyer = await world.login();
  for (const detail of ['가나다라마바사'.repeat(40), `x${'가나다라마바사'.repeat(40)}`, `xy${'가나다라마바사'.repeat(40)}`, '🎫'.repeat(90)]) {
    world.seats.fault('/extend', refusal(detail));
    const order = await world.orderedAs(buyer, 'failed');
    const kept = sql(`SELECT detail FROM pay.saga_step t JOIN pay.saga s ON s.id = t.saga WHERE s.subject = '${order}' AND detail <> '' LIMIT 1`);
    assert.ok(kept.length > 20 && detail.startsWith(kept), kept);
  }
});

test('a saga whose row is refused is parked, and others in its batch go on', async () => {
  const buyers = [await world.login(), await world.login('argon2id@example.com'), await world.login('pbkdf2@example.com')];
  const orders = await Promise.all(Array.from({ length: 9 }, async (_, i) => {
    const buyer = buyers[i % 3], visit = world.hold();
    if (i === 4) sql(`ALTER TABLE pay.orders ADD CONSTRAINT luck CHECK (hold <> '${visit.hold}' OR status IN ('pending_payment', 'parked', 'cancelled'))`);
    const made = assertStatus(await world.order(buyer, visit), 201);
    return { buyer, order: made.json.order, bad: i === 4 };
  }));
  for (const { buyer, order } of orders.filter(({ bad }) => !bad)) await world.untilStatus(buyer, order, 'completed');
  const { order } = orders.find(({ bad }) => bad);
  const parked = await until('the bad one to be parked', async () => {
    const { json } = await world.pay.admin.get('/admin/sagas?state=parked');
    return json.sagas.find((saga) => saga.order === order);
  });
  assert.equal(parked.cause, 'bad-row');
  const whole = await world.pay.admin.get(`/admin/sagas/${parked.saga}`);
  assert.match(JSON.stringify(whole.json.timeline), /luck/, 'the database’s own words are with it');
  // An operator fixes the cause, and lets it continue.
  sql('ALTER TABLE pay.orders DROP CONSTRAINT luck');
  assert.equal((await world.pay.admin.post(`/admin/sagas/${parked.saga}/retry`, { body: { reason: 'mended' } })).status, 200);
  const buyer = orders.find(({ bad }) => bad).buyer;
  await world.untilStatus(buyer, order, 'completed');
  assert.equal((await buyer.get(`/v1/pay/orders/${order}/tickets`)).json.tickets.length, 2);
});

test('a saga at an impossible step is left alone and breaks nothing', async () => {
  const buyer = await world.login();
  const order = await world.orderedAs(buyer, 'completed');
  const where = `subject = '${order}' AND key LIKE 'checkout%'`;
  await until('its saga to end', () => sql(`SELECT state FROM pay.saga WHERE ${where}`) === '2');
  const last = sql(`SELECT step FROM pay.saga WHERE ${where}`);
  // Back from the last step, which has nothing to undo; and forward at a step that does not fit into a byte.
  for (const [state, step] of [[1, last], [0, 256]]) {
    sql(`UPDATE pay.saga SET state = ${state}, step = ${step}, leased = false, due_at = now() WHERE ${where}`);
    await until('somebody to look at it', () => sql(`SELECT leased FROM pay.saga WHERE ${where}`) === 't');
    await world.orderedAs(buyer, 'completed');
    assert.equal(sql(`SELECT step FROM pay.saga WHERE ${where}`), String(step));
  }
});

test('an order whose status this program does not know is for a person to look at, and ends nothing', async () => {
  const buyer = await world.login();
  const order = await world.orderedAs(buyer, 'completed');
  await until('its saga to end', () => sql(`SELECT count(*) FROM pay.saga WHERE subject = '${order}' AND state <> 2`) === '0');
  sql(`UPDATE pay.orders SET status = 'of-a-later-version' WHERE id = '${order}'`);
  const seen = await buyer.get(`/v1/pay/orders/${order}`);
  assert.deepEqual([seen.status, seen.json.status], [200, 'parked']);
  assert.equal((await buyer.get(`/pay/orders/${order}?lang=en`)).status, 200);
  assert.equal((await world.pay.admin.get('/readyz')).status, 200);
});
