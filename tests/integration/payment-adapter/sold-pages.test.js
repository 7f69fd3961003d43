// The sold seats are read in pages, so that reconciliation's memory does not depend on their number. Measured by its
// requests, and by its results for lists of unknown orders.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const PAGE_BYTES = 1024 * 1024;

const scope = openScope(test);
const world = await openWorld(scope);
const buyer = await world.login();
await world.order(buyer, world.hold()); // so that there is an event whose seats are compared

// That many seats, each with an unknown order, as long as real rows.
const sold = (count) => Array.from({ length: count }, (_, n) => ({
  seat: `Stalls left-12-${n}`, zone: 'Stalls left', row: '12', number: String(n), category: 'Category A',
  order: `o_${String(n).padStart(26, '0')}`, hold: String(n).padStart(24, 'h'),
}));

async function reconcile() {
  const first = world.seats.calls.length;
  const report = await until('a run', async () => {
    const { status, json } = await world.pay.admin.post('/admin/reconcile', { body: {} });
    return status === 200 && json;
  });
  const asked = world.seats.calls.slice(first).filter(({ path }) => path.includes('/export'));
  return { report, asked: asked.map(({ path }) => new URLSearchParams(path.split('?')[1])) };
}

const strange = ({ report: { items, drift } }) => [drift, new Set(items.map(({ kind }) => kind)).size];

test('a page is no longer for a hall of thirty thousand, and no seat is left out', async () => {
  world.seats.listed = sold(30_000);
  const run = await reconcile();
  const { asked } = run;
  const limits = new Set(asked.map((query) => query.get('limit')));
  assert.equal(limits.size, 1);
  const [limit] = [...limits].map(Number);
  assert.ok(limit > 0 && Buffer.byteLength(JSON.stringify(world.seats.listed.slice(-limit))) < PAGE_BYTES, `${limit} seats`);
  assert.equal(asked.length, 30_000 / limit + 1);
  assert.deepEqual(strange(run), [30_000, 1]);
  assert.deepEqual(run.report.not_reached, []);
});

test('a shorter list replaces the previous one', async () => {
  for (const count of [2001, 2000, 1999, 1, 0]) {
    world.seats.listed = sold(count);
    const run = await reconcile();
    assert.deepEqual(strange(run), [count, Math.min(count, 1)], `${count} seats`);
    assert.equal(run.asked.length, count < 2000 ? 1 : 2);
  }
});

test('an event that sleeps is asked again until it is awake', async () => {
  world.seats.listed = [];
  for (const [times, broken] of [[2, []], [Infinity, ['seat-service']]]) {
    world.seats.fault('/export', 503, times);
    const { report, asked } = await reconcile();
    assert.deepEqual([report.not_reached, asked.length], [broken, broken.length === 0 ? 3 : 4]);
  }
  world.seats.heal();
});

test('a list with a lost page is not used', async () => {
  world.seats.listed = sold(4500);
  world.seats.fault('/export?limit=2000&after=', { told: () => world.postgres.sql('DELETE FROM pay.sold_page', 'pay') });
  const { report } = await reconcile();
  assert.deepEqual([report.not_reached, report.drift], [['database'], 0]);
  assert.deepEqual(strange(await reconcile()), [4500, 1]);
});

test('events take turns, and the report says how long the last in turn has waited', async () => {
  const sql = (text) => world.postgres.sql(text, 'pay');
  world.seats.listed = [];
  sql(`INSERT INTO pay.traded (event, at) SELECT 'e' || i, now() - i * interval '1 minute' FROM generate_series(1, 39) i`);
  const runs = async (times) => {
    const first = world.seats.calls.length;
    let report;
    for (let run = 0; run < times; run += 1) ({ report } = await reconcile());
    const asked = world.seats.calls.slice(first).map(({ path }) => /events\/([^/]+)\/export/.exec(path)?.[1]);
    return { report, asked: new Set(asked.filter(Boolean)) };
  };
  assert.equal((await runs(3)).asked.size, 40);

  const age = async () => (await world.pay.metrics()).get('fairgate_reconcile_seats_age_seconds');
  sql(`UPDATE pay.traded SET compared_at = now() - interval '2 hours', turn_at = now() WHERE event = 'e1'`);
  const { report } = await runs(1);
  const hours = (Date.parse(report.at) - Date.parse(report.seats_compared_at)) / 3_600_000;
  assert.ok(hours > 1.9, `${hours} hours`);
  assert.ok(await age() > 6900);
  const { report: later } = await runs(2);
  assert.ok(Date.parse(later.seats_compared_at) > Date.parse(report.seats_compared_at));

  // A day after its last order an event is skipped if it was compared since, or has waited for a week.
  sql(`UPDATE pay.traded SET at = now() - interval '3 days', compared_at = now() - interval '2 days';
       UPDATE pay.traded SET compared_at = at WHERE event = 'e1';
       UPDATE pay.traded SET at = now() - interval '8 days', compared_at = now() - interval '9 days' WHERE event = 'e2'`);
  for (const due of [['e1'], []]) {
    const { asked: chosen, report: { items } } = await runs(1);
    chosen.delete('gala'); // its order changed just now
    assert.deepEqual([...chosen], due);
    assert.deepEqual(items.map(({ kind, payment }) => `${kind} ${payment}`), ['seats-not-compared e2']);
  }
  const keyless = await world.startPay({ keys: { seats_admin_token: '' } });
  const { json: { items, not_reached } } = await keyless.admin.post('/admin/reconcile', { body: {} });
  assert.deepEqual([items, [...new Set(not_reached)]], [[], ['seat-service: keys.seats_admin_token is not set']]);
  await keyless.stop();
});

test('abandoned pages of other processes are deleted', async () => {
  world.postgres.sql(`INSERT INTO pay.sold_page (reader, part, at, seats)
    VALUES ('gone', 0, now() - interval '2 hours', '[]'), ('here', 0, now(), '[]')`, 'pay');
  world.seats.listed = [];
  await reconcile();
  assert.equal(world.postgres.sql(`SELECT count(*) FROM pay.sold_page WHERE reader IN ('gone', 'here')`, 'pay'), '1');
  assert.equal(world.postgres.sql('SELECT count(*) FROM pay.sold_page', 'pay'), '2');
});
