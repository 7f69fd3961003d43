// PostgreSQL's plans for tables that grow with a sale: counts compared rows at a size at which quadratic plans would show.

import assert from 'node:assert/strict';
import test from 'node:test';
import { statementsOf, wholeReadsOf } from '../../../loadtest/years/plans.js';
import { HELPERS, migrate, payRows } from '../../../loadtest/years/rows.js';
import { openScope, startPostgres } from '../../lib-js/index.js';

const ORDERS = 2000; // two seats each

const stepsOf = (step) => [step, ...(step.Plans ?? []).flatMap(stepsOf)];
const read = (step) => (step['Actual Rows'] + (step['Rows Removed by Filter'] ?? 0)) * step['Actual Loops'];
const compared = (step) => (step['Rows Removed by Join Filter'] ?? 0) * step['Actual Loops'];
const textOf = (name) => statementsOf('payment-adapter').find((one) => one.name === name).text.replace(/;$/, '');
const plansIn = (output) => output.slice(output.indexOf('[\n')).split(/(?<=^\])\n/m).map((plan) => JSON.parse(plan)[0].Plan);
const SALE = `${HELPERS}; ${payRows({ no: 1, first: 1, last: ORDERS, days: 2 })}`;

async function openDatabase(t) {
  const postgres = await startPostgres(openScope(t), { databases: ['pay'] });
  migrate(postgres, 'payment-adapter', 'pay');
  return postgres;
}

test('the seats of a sale are compared with its orders and tickets by hashing, whatever the planner believes', async (t) => {
  const postgres = await openDatabase(t);
  postgres.sql(SALE, 'pay');
  const sold = postgres.rows(`SELECT o.id AS order, e.seat FROM orders o, jsonb_array_elements_text(o.seats) AS e (seat)
    WHERE o.status = 'completed'`, 'pay');
  assert.ok(sold.length > ORDERS, `${sold.length} seats are sold`);
  const [{ event }] = postgres.rows('SELECT event FROM orders LIMIT 1', 'pay');

  const plan = (list) => {
    const [found] = plansIn(postgres.sql(`TRUNCATE sold_page;
      INSERT INTO sold_page (reader, part, seats) VALUES
        ('me', 0, '${JSON.stringify(list.slice(0, 2000))}'), ('me', 1, '${JSON.stringify(list.slice(2000))}');
      SET plan_cache_mode = force_generic_plan; PREPARE asked AS ${textOf('reconcile_seats')};
      EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ('${event}', 120000, 'me', 2, 20, 0)`, 'pay'));
    return found;
  };
  for (const known of ['nothing', 'all'])
    for (const [what, list, found] of [['all that is sold', sold, 0], ['nothing', [], 40]]) {
      if (known === 'all') postgres.sql('ANALYZE', 'pay');
      const steps = stepsOf(plan(list));
      const most = Math.max(...steps.map(compared));
      assert.ok(most < 10 * sold.length, `${what}, of which the planner knows ${known}: ${most} pairs were compared in vain`);
      assert.equal(steps[0]['Actual Rows'], found, what);
    }
});

// A sale begins on tables that were empty a moment before, and these statements run hundreds of times a second.
const HOT = {
  webhook_events: "'{stripe}', '{evt_1}', '{paid}', '{nobody}', '{none}'",
  order_by_idem: ":'member', 'a new key', :'event', 'a new hold'",
  order_timeline: ":'subject'",
  shop_take: '5, 60000, 50000, 1000000, 3600000',
};
const PAGES = { shop_take: 250 }; // statements that do more than look up

test('statements per order use a key, even with plans made on empty tables', async (t) => {
  const postgres = await openDatabase(t);
  // One session throughout, like a service's connection.
  const output = postgres.sql(`\\set member nobody
    \\set event none
    \\set subject none
    SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;
    ${Object.entries(HOT).map(([name, args]) => `PREPARE ${name} AS ${textOf(name)}; EXECUTE ${name} (${args});`).join('\n')}
    SELECT FROM pace_pay('shop', 0, 1, NULL);
    ${SALE};
    UPDATE orders SET member = (SELECT min(member) FROM orders); SELECT 'orders ' || count(*) FROM orders WHERE payment IS NOT NULL;
    SELECT member, event, id AS subject FROM orders LIMIT 1 \\gset
    UPDATE shop_outbox SET member = id, done_at = NULL, due_at = now();
    ${Object.entries(HOT).map(([name, args]) => `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ${name} (${args});`).join('\n')}`, 'pay');
  assert.match(output, /^orders \d{4}$/m, 'there are orders with payments');
  const plans = plansIn(output);
  assert.equal(plans.length, Object.keys(HOT).length);
  for (const [i, name] of Object.keys(HOT).entries()) {
    const plan = plans[i];
    const touched = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    assert.ok(touched < (PAGES[name] ?? 50), `${name}: ${touched} pages, at ${ORDERS} orders`);
  }
});

// A sale leaves more queued rows than are taken at once.
const LONG_DUE = "due_at = now() - interval '1 min' + id * interval '1 us'";
const QUEUES = {
  shop_take: [HOT.shop_take, `UPDATE shop_outbox SET member = (id % 100)::text, done_at = NULL, ${LONG_DUE}`],
  mail_take: ['5, 60000, 3600000', `UPDATE mail_outbox SET done_at = NULL, ${LONG_DUE}`],
  lease: ["5, '{checkout.2}', 60000, 'me', 3600000", `UPDATE saga SET state = 0, ended_at = NULL, ${LONG_DUE}`],
};

test('due rows are read from the front of their queue, even by a plan made when it was empty', async (t) => {
  const postgres = await openDatabase(t);
  postgres.sql(`${SALE};
    UPDATE shop_outbox SET done_at = now(); UPDATE mail_outbox SET done_at = now(); UPDATE saga SET state = 2;
    SELECT FROM pace_pay('shop', 0, 1, NULL)`, 'pay');
  postgres.sql('VACUUM ANALYZE', 'pay');
  for (const [name, [args, grow]] of Object.entries(QUEUES)) {
    const plans = plansIn(postgres.sql(`SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan;
      PREPARE early AS ${textOf(name)}; EXECUTE early (${args}); ${grow}; PREPARE late AS ${textOf(name)};
      ${['early', 'late'].map((plan) => `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ${plan} (${args})`).join('; ')}`, 'pay'));
    const most = Math.max(...plans.flatMap(stepsOf).map(read));
    assert.ok(most < ORDERS / 4, `${name}: one step read ${most} rows, at ${ORDERS} orders`);
  }
});

// Each customer's messages are delivered in order, so each is compared with those before it. At about 20,000 rows PostgreSQL
// avoids nested loops by itself.
test('one customer\'s messages are not compared pairwise', async (t) => {
  const postgres = await openDatabase(t);
  const [plan] = plansIn(postgres.sql(`${SALE};
    UPDATE shop_outbox SET member = '1', done_at = NULL, due_at = now(); ANALYZE;
    SET plan_cache_mode = force_generic_plan; SET enable_nestloop = off; PREPARE asked AS ${textOf('shop_take')};
    EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked (${HOT.shop_take})`, 'pay'));
  const most = Math.max(...stepsOf(plan).map(compared));
  assert.ok(most < 10 * ORDERS, `${most} pairs`);
  assert.ok(plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] < 10 * ORDERS);
});

test('a page of the lines of a small event reads the orders of that event alone', async (t) => {
  const postgres = await openDatabase(t);
  postgres.sql(`${SALE}; ${payRows({ no: 2, first: ORDERS + 1, last: ORDERS + 20, days: 2 })}; ANALYZE`, 'pay');
  const [plan] = plansIn(postgres.sql(`SET plan_cache_mode = force_generic_plan; PREPARE asked AS ${textOf('order_lines')};
    EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ('event-2', '', '{"checkout.1": 4}', 201)`, 'pay'));
  const scan = stepsOf(plan).find((step) => step['Relation Name'] === 'orders');
  assert.ok(read(scan) <= 20, JSON.stringify(scan));
  assert.equal(scan['Index Name'], 'orders_event', 'in the order of its pages');
});

test('the progress of an event\'s refunds is read without a look-up per order', async (t) => {
  const postgres = await openDatabase(t);
  postgres.sql(`${SALE}; INSERT INTO cancelled_event (event, reason) VALUES ('event-1', 'ill')`, 'pay');
  const [plan] = plansIn(postgres.sql(`SET plan_cache_mode = force_generic_plan; SET jit = off; PREPARE asked AS ${textOf('cancellation')};
    EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ('event-1', '{"checkout.1": 4}', 20)`, 'pay'));
  const read = stepsOf(plan).filter((step) => step['Relation Name'] && step['Actual Loops'] > 1);
  assert.deepEqual(read.map((step) => [step['Relation Name'], step['Actual Loops']]), []);
});

// Tables that stay small: a row for each list, event, page or current investigation, and for events that an operator cancels
// or postpones.
const SMALL = ['installation', 'reconciled', 'reconcile_run', 'reconcile_cursor', 'traded', 'sold_page_pkey', 'suspect_pkey',
  'cancelled_event', 'cancelled_event_pkey', 'postponed_event_pkey'];
// Statements that read everything: partial indexes of open work, logins of one day, and for a whole event what operators
// accepted by hand.
const ALL_ASKED = {
  cancellation: ['saga_parked', 'drift_accepted'],
  cancelling_take: ['saga_due', 'drift_accepted'],
  cancelling_passed: ['drift_accepted'],
  postponement: ['mail_outbox_due_at_idx'],
  count_sagas: ['saga_due', 'saga_parked'],
  lags: ['saga_due', 'saga_parked', 'mail_outbox_due_at_idx', 'shop_outbox_due_at_idx', 'mail_outbox_id_idx', 'shop_outbox_id_idx'],
  lost: ['saga_due'],
  mail_retry: ['mail_outbox_id_idx'],
  outbox_given_up: ['mail_outbox_id_idx', 'shop_outbox_id_idx'],
  reclaim: ['saga_due'],
  reconcile_drift: ['saga_parked', 'shop_outbox_due_at_idx', 'drift_accepted'],
  reconcile_seats: ['drift_accepted'],
  saga_unknown: ['saga_due'],
  session_sweep: ['throttle'],
};

// A connection keeps its plans. They are made while a sale's tables are empty or, if a service starts in the middle, without
// statistics about the new rows.
test('a request finds its rows by key, whatever is known of the tables when it is planned', async (t) => {
  const postgres = await openDatabase(t);
  const read = () => wholeReadsOf(postgres, 'payment-adapter', 'pay')
    .flatMap(({ name, reads }) => reads
      .filter(({ relation }) => !SMALL.includes(relation) && !ALL_ASKED[name]?.includes(relation))
      .map(({ text }) => `${name}: ${text}`));
  assert.deepEqual(read(), [], 'empty tables');
  for (const table of postgres.sql("SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'pay'::regnamespace", 'pay').split('\n'))
    postgres.sql(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`, 'pay');
  postgres.sql(SALE, 'pay');
  assert.deepEqual(read(), [], 'tables that have grown, and no statistics of them');
});
