// Orders and errors over time, as the operator's charts are drawn from them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope);
const buyer = await world.login();

async function counts(event = EVENT) {
  const { json } = await world.pay.admin.get(`/admin/events/${event}/counts`);
  const rows = json.points.map((point) => Object.fromEntries(json.columns.map((name, n) => [name, point[n]])));
  return { ...json, rows };
}

// Counting runs every ten seconds, and at the start.
async function restart() {
  await world.pay.kill();
  await world.pay.start();
}

// Waits until the count at `now` has the wanted values.
const untilCounted = (wanted) => until('it to be counted', async () => {
  const found = await counts();
  const { errors, unanswered, ...sagas } = found.now;
  assert.deepEqual(sagas, wanted);
  assert.equal(unanswered, inDoubt());
  return found;
}, { timeoutMs: 60_000 });

const SUMS = ['completed', 'refunded', 'cancelled', 'expired', 'failed', 'captured', 'given_back'];

// The same counts from the sagas themselves.
function bySagas() {
  const [row] = world.postgres.rows(
    `SELECT count(*) FILTER (WHERE s.state = 2 AND s.key = 'checkout.1') AS completed,
            count(*) FILTER (WHERE s.state = 2 AND s.key LIKE 'refund.%') AS refunded,
            count(*) FILTER (WHERE s.state = 3 AND o.status = 'cancelled') AS cancelled,
            count(*) FILTER (WHERE s.state = 3 AND o.status = 'expired') AS expired,
            count(*) FILTER (WHERE s.state = 3 AND o.status = 'failed') AS failed,
            count(*) FILTER (WHERE s.state < 2 AND NOT s.parked) AS open,
            count(*) FILTER (WHERE s.parked) AS parked,
            sum(o.amount) FILTER (WHERE s.state = 2 AND s.key = 'checkout.1') AS captured,
            sum(o.refund_amount) FILTER (WHERE s.state = 2 AND s.key LIKE 'refund.%') AS given_back
     FROM pay.saga s JOIN pay.orders o ON o.id = s.subject WHERE o.event = '${EVENT}'`, 'pay');
  return row;
}
// Errors about the shop's silence, which no saga knows.
const inDoubt = () => Number(world.postgres.sql(
  `SELECT (SELECT count(*) FROM pay.saga_step WHERE mark = 3) + coalesce((SELECT sum(unanswered) FROM pay.counted WHERE event = ''), 0)`, 'pay'));

const order = () => world.ordered(buyer, world.hold());
const complete = () => world.bought(buyer);

// Two completed orders, and one each that is refunded, cancelled, expired, failed, parked and open.
async function sell() {
  await complete();
  await complete();
  const back = await complete();
  await world.settle();
  await buyer.post(`/v1/pay/orders/${back}/refund`);
  await world.untilStatus(buyer, back, 'refunded');
  const other = await order();
  await buyer.post(`/v1/pay/orders/${other}/cancel`);
  await world.untilStatus(buyer, other, 'cancelled');
  const { order: unpaid } = await world.orderedBriefly(buyer, 1500);
  await world.untilStatus(buyer, unpaid, 'expired');
  const cancelled = await buyer.post(`/v1/pay/orders/${unpaid}/cancel`);
  assert.deepEqual([cancelled.status, cancelled.json.status], [200, 'expired']);
  world.psp.fault('GET /v1/payment_intents', 'drop', Infinity);
  const { visit: gone, order: late } = await world.orderedBriefly(buyer, 1200, { gone: true });
  world.psp.authorise((await world.paymentOf(late)).id);
  await until('the seats to run out', () => Date.now() > world.seats.holds.get(gone.hold).expires + 300);
  world.psp.heal();
  assert.equal((await world.untilStatus(buyer, late, 'failed')).reason, 'seats-gone');
  await world.settle();
  const held = await order();
  const park = () => world.postgres.sql(`WITH p AS (UPDATE pay.saga SET parked = true WHERE subject = '${held}' AND NOT leased RETURNING 1) SELECT count(*) FROM p`, 'pay') === '1';
  await until('no worker to have it in hand', park);
  await order();
}

test('outcomes of orders are counted, agree with the sagas, and survive a restart', async () => {
  const began = Date.now();
  assert.deepEqual((await counts()).points, []);
  await sell();
  const sum = (of) => [...world.psp.intents.values()].reduce((total, intent) => total + of(intent), 0);
  const money = { captured: sum((intent) => intent.amount_received), given_back: sum((intent) => intent.latest_charge.amount_refunded) };
  assert.ok(money.captured > money.given_back && money.given_back > 0, JSON.stringify(money));
  const sagas = { completed: 3, refunded: 1, cancelled: 1, expired: 1, failed: 1, open: 1, parked: 1, ...money };
  assert.deepEqual(bySagas(), sagas);
  await restart();
  const { rows, now } = await untilCounted(sagas);
  assert.ok(now.unanswered > 0);
  for (const name of SUMS) assert.equal(rows.at(-1)[name], now[name], name);
  // A sum never falls, and the first point is zero.
  assert.ok(rows[0].at > began - 10_000 && rows[0].completed === 0, JSON.stringify(rows[0]));
  for (const [n, row] of rows.entries()) {
    const before = rows[n - 1] ?? rows[0];
    assert.ok(n === 0 || row.at > before.at, `${row.at} after ${before.at}`);
    for (const name of [...SUMS, 'unanswered', 'errors']) assert.ok(row[name] >= before[name], name);
  }

  await restart();
  const again = await untilCounted(sagas);
  const history = (all) => all.slice(0, rows.length - 1).map((row) => [row.at, row.open, row.parked, ...SUMS.map((name) => row[name])]);
  assert.deepEqual(history(again.rows), history(rows));
  // The table of counts is derived: it can be rebuilt.
  world.postgres.sql('TRUNCATE pay.counted', 'pay');
  await restart();
  await untilCounted(sagas);
});

test('our own errors are reported for every event, even before its first order', async () => {
  const before = (await counts('other')).now.errors;
  world.seats.fault('/holds/', 500, 2);
  for (let n = 0; n < 2; n++) assert.equal((await world.order(buyer, world.hold())).status, 503);
  const { now, rows } = await until('them to be counted', async () => {
    const found = await counts('other');
    return found.now.errors === before + 2 && found;
  }, { timeoutMs: 60_000 });
  assert.equal(now.completed, 0);
  assert.equal(rows.at(-1).errors, before + 2);
  assert.equal((await counts()).now.errors, before + 2);
  assertProblem(await world.pay.admin.get('/admin/events/a%20b/counts'), 404, 'not-found');
});

test('a long sale is thinned, and loses nothing of its sums', async () => {
  const count = () => Number(world.postgres.sql("SELECT count(*) FROM pay.counted WHERE event = 'long'", 'pay'));
  world.postgres.sql(
    `INSERT INTO pay.counted (event, at, completed, refunded, errors, open, parked, captured, given_back)
       SELECT 'long', pay.counted_at(now()) - i * interval '10 s', 2, i % 2, 0, i, 0, 400, i % 2 * 150 FROM generate_series(0, 4999) i`, 'pay');
  const newest = world.postgres.sql("SELECT max(at) FROM pay.counted WHERE event = 'long'", 'pay');
  await restart();
  const { now, rows } = await until('rows to become fewer', async () => count() <= 4096 && counts('long'), { timeoutMs: 60_000 });
  assert.deepEqual([now.completed, now.refunded, now.captured, now.given_back], [10_000, 2500, 2_000_000, 375_000]);
  assert.ok(rows.length > 360 && rows.length <= 720, `${rows.length} points`);
  for (const [n, row] of rows.entries()) assert.ok(n === 0 || (row.at > rows[n - 1].at && row.completed > rows[n - 1].completed));
  // The last hour keeps its resolution.
  const lately = `at > timestamptz '${newest}' - interval '50 minutes' AND at <= '${newest}'`;
  assert.equal(world.postgres.sql(`SELECT count(*) FROM pay.counted WHERE event = 'long' AND ${lately}`, 'pay'), '300');
});
