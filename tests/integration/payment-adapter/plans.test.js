// How PostgreSQL goes about what grows with a sale: rows that it compares, counted, at a sale of a size at which
// comparing each with each would show.

import assert from 'node:assert/strict';
import test from 'node:test';
import { statementsOf } from '../../../loadtest/years/plans.js';
import { HELPERS, migrate, payRows } from '../../../loadtest/years/rows.js';
import { openScope, startPostgres } from '../../lib-js/index.js';

const ORDERS = 2000; // of two seats each

const stepsOf = (step) => [step, ...(step.Plans ?? []).flatMap(stepsOf)];
const compared = (step) => (step['Rows Removed by Join Filter'] ?? 0) * step['Actual Loops'];

test('the seats of a sale are compared with its orders and tickets by hashing, whatever the planner believes', async (t) => {
  const scope = openScope();
  t.after(() => scope.close());
  const postgres = await startPostgres(scope, { databases: ['pay'] });
  migrate(postgres, 'payment-adapter', 'pay');
  postgres.sql(`${HELPERS}; ${payRows({ no: 1, first: 1, last: ORDERS, days: 2 })}`, 'pay');
  const { text } = statementsOf('payment-adapter').find(({ name }) => name === 'reconcile_seats');
  const sold = postgres.rows(`SELECT o.id AS order, e.seat FROM orders o, jsonb_array_elements_text(o.seats) AS e (seat)
    WHERE o.status = 'completed'`, 'pay');
  assert.ok(sold.length > ORDERS, `${sold.length} seats are sold`);
  const [{ event }] = postgres.rows('SELECT event FROM orders LIMIT 1', 'pay');

  const plan = (list) => {
    const told = postgres.sql(`TRUNCATE sold_page;
      INSERT INTO sold_page (reader, part, seats) VALUES
        ('me', 0, '${JSON.stringify(list.slice(0, 2000))}'), ('me', 1, '${JSON.stringify(list.slice(2000))}');
      SET plan_cache_mode = force_generic_plan; PREPARE asked AS ${text.replace(/;$/, '')};
      EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ('${event}', 120000, 'me', 2, 20)`, 'pay');
    return JSON.parse(told.slice(told.indexOf('[')))[0].Plan;
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

// A sale begins on tables that were empty a moment ago, and its webhooks are asked about hundreds of times a second.
test('a webhook looks its order up by key, even by a plan that was made before there was an order', async (t) => {
  const scope = openScope();
  t.after(() => scope.close());
  const postgres = await startPostgres(scope, { databases: ['pay'] });
  migrate(postgres, 'payment-adapter', 'pay');
  const { text } = statementsOf('payment-adapter').find(({ name }) => name === 'webhook_events');
  const asked = (payment) => `EXECUTE asked ('{stripe}', '{evt_1}', '{paid}', '{${payment}}', '{none}')`;
  // One session all the while, as a service's connection is.
  const told = postgres.sql(`SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; PREPARE asked AS ${text.replace(/;$/, '')};
    ${asked('nobody')}; ${HELPERS}; ${payRows({ no: 1, first: 1, last: ORDERS, days: 2 })};
    SELECT 'payment ' || max(payment) FROM orders;
    EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${asked('nobody')}`, 'pay');
  assert.match(told, /^payment \S+$/m, 'there are orders with payments');
  const [{ Plan: plan }] = JSON.parse(told.slice(told.indexOf('[\n')));
  const touched = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
  assert.ok(touched < 50, `${touched} pages for one webhook, at ${ORDERS} orders`);
});
