// Several payment adapters reconcile as one: a run belongs to one process, whose death ends its lease, and every process
// shows the last run's findings.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope, { shop: { timeout: '1m' } });
const second = await world.startPay({ saga: { instance: 'second' } });
const buyer = await world.login();
await world.order(buyer, world.hold()); // so that there is an event whose seats are compared

const sql = (text) => world.postgres.sql(text, 'pay');
const now = (pay) => pay.admin.post('/admin/reconcile', { body: {}, timeoutMs: 120_000 });
const shown = async (pay) => (await pay.admin.get('/admin/reconcile')).json;

const untilNewReport = (pay, { at }) => until('the report of another run', async () => {
  const report = await shown(pay);
  return report.at !== at && report;
}, { timeoutMs: 120_000 });

test('while one process compares, no other does', async () => {
  const exports = () => world.seats.calls.filter(({ path }) => path.includes('/export')).length;
  const gate = world.seats.gate('/export');
  const run = now(world.pay);
  await gate.reached;
  for (const pay of [second, world.pay]) assertProblem(await now(pay), 409, 'under-way');
  gate.open();
  assert.equal((await run).status, 200);
  assert.equal(exports(), 1);
});

test('each process shows what the last run found, whichever made it', async () => {
  sql("INSERT INTO pay.shop_order (external_id, amount, seen_at) VALUES ('o_nobody', 5, 'infinity')");
  const { status, json } = await now(world.pay);
  assert.equal(status, 200);
  assert.deepEqual(json.items.map(({ kind }) => kind), ['unknown-at-shop']);
  assert.deepEqual(await shown(second), json);
  const gauges = async (pay) => {
    const metrics = await pay.metrics();
    return [metrics.get('fairgate_drift'), metrics.get('fairgate_reconcile_last_seconds')];
  };
  const [drift, lastS] = await gauges(world.pay);
  assert.equal(drift, 1);
  await until('the other to show it', async () => assert.deepEqual(await gauges(second), [1, lastS]) ?? true);
  sql('TRUNCATE pay.shop_order; DELETE FROM pay.suspect');
  assert.equal((await now(second)).json.drift, 0);
  assert.equal((await shown(world.pay)).drift, 0);
  await until('the first to show it', async () => (await gauges(world.pay))[0] === 0);
});

// The run's end waits until a renewal was refused; the process has that answer once it tries to renew again.
test('a run whose report is stored ends well, though its last renewal was refused', async () => {
  sql(`
    CREATE SEQUENCE pay.refused MINVALUE 0;
    CREATE FUNCTION pay.ends() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM nextval('pay.refused');
      FOR i IN 1..500 LOOP
        EXIT WHEN (SELECT last_value FROM pay.refused) = 2;
        PERFORM pg_sleep(0.01);
      END LOOP;
      RETURN NULL;
    END $$;
    CREATE FUNCTION pay.renews() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF (SELECT is_called FROM pay.refused) THEN
        PERFORM nextval('pay.refused');
        RETURN NULL;
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER ends BEFORE UPDATE OF report ON pay.reconcile_run EXECUTE FUNCTION pay.ends();
    CREATE TRIGGER renews BEFORE UPDATE ON pay.reconcile_run FOR EACH ROW
      WHEN (OLD.run = NEW.run AND OLD.owner = NEW.owner) EXECUTE FUNCTION pay.renews()`);
  const { status, text } = await now(world.pay);
  sql('DROP TRIGGER ends ON pay.reconcile_run; DROP TRIGGER renews ON pay.reconcile_run');
  assert.equal(status, 200, text);
});

test('a run whose process dies is made by another', async () => {
  const before = await shown(second);
  const gate = world.seats.gate('/export');
  const run = now(world.pay).catch(() => 'gone');
  await gate.reached;
  await world.pay.kill();
  assert.equal(await run, 'gone');
  const report = await untilNewReport(second, before);
  assert.deepEqual(report.not_reached, []);
  gate.open();
  await world.pay.start();
});

test('a process that was stopped while another took its run over stores nothing of it', async () => {
  world.shop.orders.set('x', { external_id: 'o_nobody', kind: 'completed', amount: 5 });
  const before = await shown(second);
  const gate = world.shop.gate('GET /orders');
  const run = now(world.pay);
  await gate.reached;
  world.pay.pause();
  const report = await untilNewReport(second, before);
  assert.deepEqual(report.items.map(({ kind, detail }) => [kind, detail]), [['unknown-at-shop', 'amount 5']]);
  world.shop.orders.get('x').amount = 1; // the stopped process has an outdated list
  gate.open();
  world.pay.resume();
  assertProblem(await run, 409, 'under-way');
  assert.equal(sql('SELECT amount FROM pay.shop_order'), '5');
  assert.deepEqual(await shown(world.pay), report);
});
