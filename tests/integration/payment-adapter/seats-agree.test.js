// Seats, orders and tickets that disagree, made so by hand in the databases: each kind is found by its name; and the
// database itself rejects two valid tickets for a seat.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope } from '../../lib-js/index.js';
import { hall, saga } from '../seat-service/site.js';
import { openSite } from './lib/site.js';
import { EVENT } from './lib/world.js';

const scope = openScope(test);
const world = await openSite(scope, { halls: hall({ limits: { orphan_rule: false }, area: 10 }) });
const buyer = await world.login();

const sql = (text) => world.postgres.sql(text, 'pay');

const complete = (what) => world.buy(buyer, what);

// A sold seat or place is freed at the seat service by its hold, whatever its order says.
const free = (order) => saga(world.site, EVENT).refund(sql(`SELECT hold FROM pay.orders WHERE id = '${order}'`), order);

async function refund(order) {
  assertStatus(await world.pay.admin.post(`/admin/orders/${order}/refund`, { body: { reason: 'as the page says' } }), 202);
  await world.untilStatus(buyer, order, 'refunded');
}

const drift = async () => (await world.reconciled()).map(({ kind, order }) => `${kind} ${order}`).sort();

test('standing places that differ from the order, and those of no order, are found', async () => {
  const orders = [];
  for (let i = 0; i < 3; i += 1) orders.push(await complete({ area: 'floor', quantity: 2 }));
  const [fewer, dearer, over] = orders;
  sql(`UPDATE pay.orders SET seats = seats - 1 WHERE id = '${fewer}';
       UPDATE pay.ticket SET revoked_at = now() WHERE order_id = '${fewer}' AND seat = 'floor#2';
       UPDATE pay.orders SET purchase = jsonb_set(purchase, '{lines,0,price}', '149999') WHERE id = '${dearer}';
       UPDATE pay.orders SET status = 'refunded', refund_amount = amount WHERE id = '${over}';
       UPDATE pay.ticket SET revoked_at = now() WHERE order_id = '${over}'`);
  const differ = [`places-differ ${fewer}`, `places-differ ${dearer}`].sort();
  assert.deepEqual(await drift(), [...differ, `places-without-order ${over}`]);
  const { json } = await world.pay.admin.get('/admin/reconcile');
  const [{ detail }] = json.items.filter(({ order }) => order === fewer);
  assert.equal(detail, '1 x floor (Front, 150000 each) here, 2 x floor (Front, 150000 each) there');
  const { difference } = json.items.find(({ order }) => order === dearer);
  assertStatus(await world.pay.admin.post(`/admin/reconcile/${difference}/accept`, { body: { reason: 'as agreed' } }), 204);
  assert.deepEqual(await drift(), [`places-differ ${fewer}`, `places-without-order ${over}`]);
  for (const price of [149998, 149999]) {
    sql(`UPDATE pay.orders SET purchase = jsonb_set(purchase, '{lines,0,price}', '${price}') WHERE id = '${dearer}'`);
    assert.deepEqual(await drift(), [...differ, `places-without-order ${over}`], 'an acceptance ends with its difference');
  }

  assert.equal((await free(over)).status, 200); // as the page says
  assert.deepEqual(await drift(), differ);
  sql(`UPDATE pay.orders SET purchase = jsonb_set(purchase, '{lines,0,price}', '150000') WHERE id = '${dearer}'`);
  assert.equal((await free(dearer)).status, 200);
  assert.deepEqual(await drift(), differ);
  for (const order of [fewer, dearer]) await refund(order);
  assert.deepEqual(await drift(), []);
});

test('the database refuses a second good ticket for a seat, whichever order it is of', async () => {
  const order = await complete({ seats: ['r2s1'] });
  const again = (seat) => `INSERT INTO pay.ticket (id, order_id, event, seat, member, holder, kid, token)
    SELECT 'by-hand', (SELECT id FROM pay.orders WHERE id <> '${order}' LIMIT 1), 'gala', '${seat}', '1', 'h', 'k', 't'`;
  assert.throws(() => sql(again('r2s1')), /ticket_of_seat/);
  sql(`UPDATE pay.ticket SET revoked_at = now() WHERE order_id = '${order}'`);
  sql(again('r2s1'));
  sql(`DELETE FROM pay.ticket WHERE id = 'by-hand'; UPDATE pay.ticket SET revoked_at = NULL WHERE order_id = '${order}'`);
});

test('two orders and two tickets for a seat are found, and whose seat it is not', async () => {
  const [first, second] = [await complete({ seats: ['r3s1'] }), await complete({ seats: ['r3s2'] })];
  sql(`DROP INDEX pay.ticket_of_seat;
       UPDATE pay.orders SET seats = '["r3s1"]' WHERE id = '${second}';
       UPDATE pay.ticket SET seat = 'r3s1' WHERE order_id = '${second}'`);
  assert.deepEqual(await drift(), [
    `seat-not-sold ${second}`,
    `sold-without-order ${second}`,
    `ticket-without-seat ${second}`,
    `two-orders ${[first, second].sort()[1]}`,
    `two-tickets ${[first, second].sort()[1]}`,
  ]);

  await refund(second); // as the page says
  assert.deepEqual(await drift(), []);
});

test('a seat that is sold for no completed order is found, and freed at the seat service', async () => {
  const order = await complete({ seats: ['r6s1'] });
  sql(`UPDATE pay.orders SET status = 'refunded', refund_amount = amount WHERE id = '${order}';
       UPDATE pay.ticket SET revoked_at = now() WHERE order_id = '${order}'`);
  assert.deepEqual(await drift(), [`sold-without-order ${order}`]);
  assertStatus(await free(order), 200);
  assert.deepEqual(await drift(), []);
});

test('a ticket whose seat is not sold, or to another, is found', async () => {
  const [bare, other] = [await complete({ seats: ['r4s1'] }), await complete({ seats: ['r4s2'] })];
  sql(`UPDATE pay.ticket SET seat = 'r5s5' WHERE order_id = '${bare}'`);
  assert.deepEqual(await drift(), [`ticket-without-seat ${bare}`]);
  sql(`UPDATE pay.ticket SET revoked_at = now() WHERE order_id = '${other}';
       UPDATE pay.ticket SET seat = 'r4s2' WHERE order_id = '${bare}'`);
  assert.deepEqual(await drift(), [`ticket-without-seat ${bare}`, `tickets-missing ${other}`]);
  await refund(bare);
  await refund(other);
  assert.deepEqual(await drift(), []);
});
