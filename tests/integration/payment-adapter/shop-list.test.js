// Reconciliation reads the shop's list within the shop's rate limit, which it shares with messages to the shop, and as far
// as a run has time.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { copyOrders, openWorld } from './lib/world.js';

const PER_S = 10;
const INTERVAL_S = 10 / 7 / PER_S; // at the steady rate (src/login/pace.c)
const AHEAD_S = (PER_S / 5 - 1) * INTERVAL_S; // how early a call may come
const scope = openScope(test);
const world = await openWorld(scope, { shop: { per_s: PER_S } });
const second = await world.startPay({ saga: { instance: 'second' } });
world.psp.autoPay = true;
const buyer = await world.login();

const sql = (text) => world.postgres.sql(text, 'pay');
const lists = () => world.shop.calls.filter(({ method, path }) => method === 'GET' && path.includes('?')).map(({ path }) => new URLSearchParams(path.split('?')[1]).get('after'));
// The next page is the last that this run has time for.
const readOn = () => world.shop.fault('GET /orders', { told: () => sql("SELECT setval('pay.pace_shop', ((extract(epoch FROM now()) + 3600) * 1e6)::bigint)") });
const resetPace = () => sql("SELECT setval('pay.pace_shop', 1)");

// Orders that only the shop knows.
function fill(count) {
  for (let i = 0; i < count; i += 1) world.shop.orders.set(`x${i}`, { external_id: `x${i}`, kind: 'completed', amount: 1 });
}

async function reconcile(pay = world.pay) {
  const first = lists().length;
  const { status, json, text } = await pay.admin.post('/admin/reconcile', { body: {} });
  assert.equal(status, 200, text);
  return { ...json, read: lists().slice(first) };
}

test('a page of the list counts against the shop\'s rate like a message', async () => {
  fill(550);
  resetPace();
  const began = Number(sql('SELECT extract(epoch FROM clock_timestamp())'));
  const { read, not_reached: silent, drift, items } = await reconcile();
  assert.deepEqual([read.length, silent, drift, items.length], [6, [], 550, 20], 'all are counted, some are listed');
  const paid = Number(sql('SELECT last_value / 1e6 FROM pay.pace_shop'));
  assert.ok(paid >= began + 6 * INTERVAL_S, `${read.length} calls paid for ${paid - began} s`);
});

// An order that is done here and at the shop since an hour, and a list that is read again from its beginning.
async function done() {
  const order = await world.orderedAs(buyer, 'completed');
  await until('its letter to be delivered', () => sql(`SELECT count(*) FROM pay.shop_outbox WHERE order_id = '${order}' AND done_at IS NOT NULL`) === '1');
  sql(`UPDATE pay.shop_outbox SET done_at = now() - interval '1 hour';
       UPDATE pay.orders SET changed_at = now() - interval '1 hour';
       UPDATE pay.ticket SET issued_at = now() - interval '1 hour';
       TRUNCATE pay.shop_order; DELETE FROM pay.reconcile_cursor WHERE provider = 'shop'`);
  resetPace();
  return order;
}

test('a pause that the shop asks for holds for its list, in every process, and for messages', async () => {
  world.shop.fault('GET /orders', { status: 429, headers: { 'retry-after': '7200' } }, Infinity);
  const before = Number(sql('SELECT extract(epoch FROM clock_timestamp())'));
  const refused = await reconcile();
  assert.deepEqual([refused.read.length, refused.not_reached], [1, ['shop']]);
  const moment = Number(sql('SELECT last_value / 1e6 FROM pay.pace_shop'));
  const pauseS = moment - AHEAD_S - before;
  assert.ok(pauseS >= 3600 && pauseS < 3660, `paused for ${pauseS} s`);
  for (const pay of [world.pay, second]) {
    const { read, not_reached: silent } = await reconcile(pay);
    assert.deepEqual([read, silent], [[], ['shop']]);
  }
  world.shop.heal();
  resetPace();
});

test('the next run continues an unread list, and unread orders are not missed', async () => {
  const order = await done();
  readOn();
  sql("INSERT INTO pay.suspect (list, id, at) VALUES ('', 'o_agrees', '-infinity')");
  const part = await reconcile();
  assert.deepEqual(part.read, [null]);
  assert.equal(sql("SELECT count(*) FROM pay.suspect WHERE id = 'o_agrees'"), '0', 'nothing else is held back');
  assert.deepEqual(part.not_reached, ['shop: the next run reads on in its list']);
  assert.deepEqual(part.items.filter((item) => item.order === order), []);
  resetPace();
  const rest = await reconcile();
  assert.deepEqual(rest.read, ['100', '200', '300', '400', '500']);
  assert.deepEqual([rest.not_reached, rest.items.filter((item) => item.order === order)], [[], []]);
});

test('an order that the list passed over is not reported as lost, and one that is lost is', async () => {
  const order = await done();
  world.shop.passedOver.add(order);
  const lost = ({ items }) => items.filter((item) => item.order === order).map(({ kind }) => kind);
  assert.deepEqual(lost(await reconcile()), []);
  world.shop.orders.delete(`${order}-completed`);
  assert.deepEqual(lost(await reconcile()), [], 'it is asked for once');
  sql('TRUNCATE pay.shop_order');
  world.shop.fault('GET /orders/', 500);
  const unasked = await reconcile();
  assert.deepEqual([lost(unasked), unasked.not_reached], [[], ['shop']], 'the shop did not answer');
  const { not_reached: silent, ...report } = await reconcile();
  assert.deepEqual([lost(report), silent], [['lost-at-shop'], []]);

  // A run that reads on in the list does not come to ask for it, and still counts it.
  sql("UPDATE pay.reconcile_cursor SET round_at = now() - interval '25 hours', whole_at = now() - interval '25 hours' WHERE provider = 'shop'");
  readOn();
  const part = await reconcile();
  assert.deepEqual([lost(part), part.not_reached], [['lost-at-shop'], ['shop: the next run reads on in its list']]);
  resetPace();
});

test('an order on the page that ends a day is not listed twice by the next day', async () => {
  await done();
  await reconcile();
  const order = await world.orderedAs(buyer, 'completed');
  await until('its letter to be delivered', () => sql(`SELECT count(*) FROM pay.shop_outbox WHERE order_id = '${order}' AND done_at IS NOT NULL`) === '1');
  sql("UPDATE pay.reconcile_cursor SET round_at = now() - interval '25 hours' WHERE provider = 'shop'");
  await reconcile(); // its last page has the order
  const { read, items } = await reconcile();
  assert.equal(read[0], null, 'from the beginning');
  assert.deepEqual(items.filter((item) => item.order === order && item.kind === 'twice-at-shop'), []);
});

test('of many lost orders each run reports twenty that nobody accepted', async () => {
  const order = await done();
  copyOrders(world.postgres, order, 22, "jsonb_build_object('id', 'copy' || i, 'hold', i, 'idem_key', 'copy' || i)");
  sql("INSERT INTO pay.shop_outbox (order_id, member, kind, done_at) SELECT id, member, 'completed', now() - interval '1 hour' FROM pay.orders WHERE id LIKE 'copy%'");
  const lost = (items) => items.filter(({ kind, order: id }) => kind === 'lost-at-shop' && id.startsWith('copy'));
  const { items, not_reached: silent } = await reconcile();
  assert.deepEqual([lost(items).length, silent], [20, ['shop: some orders that its list lacks were not asked for']]);
  for (const { difference } of lost(items)) assert.equal((await world.pay.admin.post(`/admin/reconcile/${difference}/accept`, { body: { reason: 'known' } })).status, 204);
  const next = await reconcile();
  assert.deepEqual([lost(next.items).length, lost(next.accepted.items).length, next.not_reached], [2, 20, []]);
  sql("DELETE FROM pay.shop_outbox WHERE order_id LIKE 'copy%'");
});

test('a list that cannot be read is the shop\'s fault; a long one is read, whatever else it says of an order', async () => {
  for (const text of ['', 'x', '[]', '{}', '{"orders": {}}', '{"orders": [1]}', '{"orders": [{"amount": 1}]}', '{"orders": [{"external_id": "y", "amount": "much"}]}']) {
    world.shop.fault('GET /orders', { status: 200, text });
    assert.deepEqual((await reconcile()).not_reached, ['shop'], text);
    assert.equal(sql("SELECT count(*) FROM pay.shop_order WHERE external_id = 'y'"), '0');
  }
  const orders = Array.from({ length: 100 }, (_, n) => ({ note: '\u20a9'.repeat(3000), external_id: `z${n}`, amount: n }));
  world.shop.fault('GET /orders', { status: 200, text: JSON.stringify({ orders, next: 7000 }) });
  const { read, not_reached: silent } = await reconcile();
  assert.deepEqual([read.at(-1), silent], ['7000', []]);
  assert.equal(sql("SELECT sum(amount) FROM pay.shop_order WHERE external_id LIKE 'z%'"), '4950');
});
