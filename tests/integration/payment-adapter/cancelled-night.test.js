// A sold-out night that is cancelled, with the provider's sandbox and the demo shop: every order is refunded across a kill,
// the shop receives each refund, and all books agree. Some hundred orders; `make soak` has 25,000.

import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { client, openScope, until } from '../../lib-js/index.js';
import { BULK_PASSWORD, startShop } from '../demo-shop/shop.js';
import { HELD, KEY, startSandbox } from '../psp-sandbox/sandbox.js';
import { copyOrders, EVENT, openWorld } from './lib/world.js';

const PATH = `/admin/events/${EVENT}/cancellation`;
const ORDERS = process.env.FAIRGATE_SOAK ? 25_000 : 300;
const CUSTOMERS = 20 + ORDERS / 10;
const AT_ONCE = 16; // concurrent payments
const LONG = { timeoutMs: 900_000 };

const scope = openScope(test);
const sandbox = await startSandbox(scope, { returnUrls: 'http://tickets.example/' });
const shop = await startShop(scope, { users: CUSTOMERS, hashes: 'cheap', partner: { per_s: 10_000, burst: 10_000 } });
const orders = `http://127.0.0.1:${shop.port}/api/orders/import`;
const world = await openWorld(scope, {
  psp: { ...sandbox.settings, stripe_flow: 'intents', per_s: 1000 },
  shop: { url: orders, list_url: orders, key: shop.apiKeyPath, per_s: 1000 },
  users: { conninfo: shop.postgres.conninfo('demo_shop', 'reader') },
});
const state = async () => (await world.pay.admin.get(PATH)).json;

async function buyOne() {
  const buyer = await world.login('customer000021@shop.example', BULK_PASSWORD);
  const order = await world.ordered(buyer, world.hold());
  await sandbox.stripe().paymentIntents.confirm((await sandbox.intentOf(order)).id, { payment_method: 'pm_card_visa', return_url: 'http://tickets.example/' });
  await world.untilStatus(buyer, order, 'completed');
  await until('the shop to have it', () => world.sql('SELECT count(*) FROM pay.shop_outbox WHERE done_at IS NULL') === '0');
  return order;
}

// Paid at the sandbox, one call each.
async function payAll(made, amount) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const provider = client({ port: sandbox.port, token: KEY, agent });
  const { payment_method, confirm, currency } = HELD;
  const left = [...made];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let one = left.pop(); one; one = left.pop()) {
      const { json, text } = await provider.post('/v1/payment_intents', sandbox.form({ amount, currency, confirm, payment_method, 'metadata[order]': one.id, return_url: 'http://tickets.example/' }));
      assert.equal(json.status, 'succeeded', text);
      one.payment = json.id;
    }
  }));
  agent.destroy();
}

// That many more orders like the first, in all books.
async function sellOut(first) {
  const [{ amount, hold, head }] = world.postgres.rows(`SELECT amount, hold, left(id, 10) AS head FROM pay.orders WHERE id = '${first}'`, 'pay');
  const made = Array.from({ length: ORDERS - 1 }, (_, i) => ({ nth: i + 1, id: head + String(i).padStart(16, '0'), hold: `n${i}`, idem_key: `n${i}`,
    member: String(21 + (i % (CUSTOMERS - 20))), seats: [`N-${2 * i}`, `N-${2 * i + 1}`] }));
  await payAll(made, amount);
  const list = JSON.stringify(made);
  world.sql(`CREATE TABLE made (nth integer PRIMARY KEY, id text, hold text, idem_key text, member text, seats jsonb, payment text);
    INSERT INTO made SELECT * FROM jsonb_to_recordset('${list}') AS m (nth integer, id text, hold text, idem_key text, member text, seats jsonb, payment text)`);
  copyOrders(world.postgres, first, made.length, '(SELECT to_jsonb(m) FROM made m WHERE m.nth = i)');
  world.sql(`INSERT INTO pay.saga (key, subject, state, step, data, ended_at)
      SELECT s.key, m.id, s.state, s.step, (s.data::jsonb || to_jsonb(m) || jsonb_build_object('order', m.id))::text, now()
      FROM made m, pay.saga s WHERE s.subject = '${first}';
    INSERT INTO pay.ticket (id, order_id, event, seat, member, holder, kid, token)
      SELECT t.id || m.hold, m.id, t.event, m.seats->>(nth_of - 1)::int, m.member, t.holder, t.kid, t.token
      FROM made m, (SELECT *, row_number() OVER () AS nth_of FROM pay.ticket WHERE order_id = '${first}') t;
    INSERT INTO pay.shop_outbox (order_id, member, kind, done_at) SELECT id, member, 'completed', now() FROM made;
    INSERT INTO pay.mail_outbox (order_id, member, kind, lang, done_at) SELECT id, member, 'completed', 'ko', now() FROM made;
    ANALYZE`);
  for (const { id, ...one } of made) world.seats.holds.set(one.hold, { ...world.seats.holds.get(hold), ...one, order: id });
  shop.sql(`INSERT INTO orders (user_id, source, external_id, status, currency, amount)
      SELECT m.member::bigint, o.source, m.id, o.status, o.currency, o.amount
      FROM jsonb_to_recordset('${list}') AS m (id text, member text), orders o WHERE o.external_id = '${first}';
    INSERT INTO partner_orders (order_id, event, seats, provider, payment, placed_at)
      SELECT n.id, p.event, p.seats, p.provider, p.payment, p.placed_at
      FROM orders n, partner_orders p JOIN orders o ON o.id = p.order_id WHERE o.external_id = '${first}' AND n.source = o.source AND n.id <> o.id;
    INSERT INTO partner_letters SELECT id, external_id || '-completed' FROM orders WHERE source <> 'shop' ON CONFLICT DO NOTHING`);
}

test('a sold-out night is given back across a kill, and all books agree', async (t) => {
  await sellOut(await buyOne());
  const began = performance.now();
  const { status, json: { orders: { all }, money: { paid } } } = await world.pay.admin.post(PATH, { body: { reason: 'the singer is ill' } });
  assert.deepEqual([status, all], [202, ORDERS]);
  await until('a third to be back', async () => (await state()).orders.given_back > ORDERS / 3, LONG);
  await world.pay.kill();
  await world.pay.start();
  await until('all to be back', async () => (await state()).orders.given_back === ORDERS, LONG);
  t.diagnostic(`${ORDERS} orders in ${Math.round((performance.now() - began) / 1000)} s`);
  world.sql("UPDATE pay.cancelled_event SET at = now() - interval '3 minutes'"); // so that any statement of that time has ended
  const ended = await until('the end', async () => (await state()).ended_at !== null && state());
  assert.deepEqual([ended.orders, ended.money.given_back], [{ all: ORDERS, given_back: ORDERS, under_way: 0, parked: 0 }, paid]);
  await until('the shop to hear of each', () => world.sql("SELECT count(*) FROM pay.shop_outbox WHERE kind = 'refunded' AND done_at IS NOT NULL") === `${ORDERS}`, LONG);

  assert.equal(shop.sql("SELECT count(*) || ' ' || count(p.refunded_at) FROM orders o JOIN partner_orders p ON p.order_id = o.id WHERE o.status = 'refunded'"), `${ORDERS} ${ORDERS}`);
  assert.equal(shop.sql('SELECT count(*), min(letters_of("order")), max(letters_of("order")) FROM imported'), `${ORDERS}|2|2`);
  assert.equal(world.sql('SELECT count(*) FROM pay.ticket WHERE revoked_at IS NULL'), '0');
  const { captured, refunded } = (await sandbox.ledger()).currencies.krw;
  assert.deepEqual([captured, refunded], [paid, paid]);
  assert.deepEqual(await world.reconciled(), []);
});
