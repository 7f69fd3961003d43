// The whole visit, by a small crowd on a whole stack: what the visitors were told can all be true,
// and afterwards the provider's ledger, the seats, the orders and the shop tell the same story.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  client,
  letIn,
  openScope,
  openStack,
  ROOT,
  runCrowd,
  targetsOf,
  until,
} from '../../lib-js/index.js';

const EVENT = 'demo';
const RATE = 25;
const BURST = 25;

const sum = (values) => values.reduce((total, value) => total + value, 0);

describe('a crowd of every manner', () => {
  const scope = openScope();
  let stack;
  let run;
  let orders;

  before(async () => {
    const env = { FAIRGATE_BUILD_DIR: join(ROOT, 'build/release') };
    stack = await openStack(scope, { env });
    await stack.up();
    // A pace that has everybody through in time.
    await letIn(stack, EVENT, { rate_per_s: RATE, burst: BURST, max_active: 0, pow_bits: 8 });
    run = await runCrowd(scope, { scenario: 'smoke', settings: { targets: targetsOf(stack) } });
    orders = stack.rows('payment_adapter', 'SELECT id, status, amount, seats FROM pay.orders');
  });
  after(() => scope.close());

  test('comes to an end, each with an answer that should be', (t) => {
    t.diagnostic(`seed ${run.seed}`);
    assert.equal(run.ended.failed, 0, run.log());
    assert.equal(run.ended.waiting, 0, 'everybody is through before their patience ends');
    assert.equal(run.lost_answers, 0);
    assert.equal(sum(Object.values(run.ended)), run.visitors);
    assert.ok(run.ended.done > run.visitors / 2, JSON.stringify(run.ended));
  });

  test('is told nothing that contradicts itself, and no trick works', () => {
    const { status, text } = run.judged(['--rate', String(RATE), '--burst', String(BURST), '--seats-max', '4']);
    assert.equal(status, 0, text);
    for (const [trick, { worked }] of Object.entries(run.tricks)) assert.equal(worked, 0, trick);
    assert.ok(sum(Object.values(run.tricks).map(({ met }) => met)) > 0, 'some were tried');
    assert.equal(run.visits_unended, 0, 'seats and waiting room were told of each order');
  });

  test('has an order for everybody who came through, and no order half done', () => {
    assert.deepEqual([...new Set(orders.map((order) => order.status))], ['completed']);
    assert.equal(orders.length, run.ended.done);
    assert.equal(run.seats_sold, sum(orders.map((order) => order.seats.length)));
  });

  test('has paid what was ordered, once each', async () => {
    const bank = client({ port: stack.base + 14, token: stack.secret('admin-token') });
    const ledger = (await bank.get('/control/ledger')).json;
    const krw = ledger.currencies.krw;
    assert.equal(krw.captured, sum(orders.map((order) => order.amount)));
    assert.equal(krw.captures, orders.length);
    assert.deepEqual([krw.authorized, krw.refunded], [0, 0], 'nothing is left reserved');
  });

  test('has the seats that were ordered, and nobody else has any', async () => {
    const seats = client({ port: stack.base + 12, token: stack.secret('admin-token') });
    const sold = (await seats.get(`/admin/events/${EVENT}/export`)).json;
    const told = sold.map(({ seat, order }) => `${order} ${seat}`).sort();
    const ordered = orders.flatMap((order) => order.seats.map((seat) => `${order.id} ${seat}`));
    assert.deepEqual(told, ordered.sort());
    assert.equal(new Set(sold.map(({ seat }) => seat)).size, sold.length);
    const tickets = stack.rows(
      'payment_adapter',
      'SELECT order_id, seat FROM pay.ticket WHERE revoked_at IS NULL',
    );
    assert.deepEqual(tickets.map((ticket) => `${ticket.order_id} ${ticket.seat}`).sort(), told);
  });

  test('is known to the shop, order by order', async () => {
    const shop = client({ port: stack.base + 5, token: stack.secret('shop-api-key') });
    const wanted = Object.fromEntries(orders.map((order) => [order.id, order.amount]));
    const got = await until('the shop to have every order', async () => {
      const known = [];
      for (let page = { next: 0 }; page.next !== null; known.push(...page.orders))
        page = (await shop.get(`/api/orders/import?after=${page.next}&limit=100`)).json;
      return known.length >= orders.length && known;
    });
    assert.deepEqual(Object.fromEntries(got.map((o) => [o.external_id, o.amount])), wanted);
  });

  test('leaves a number of seats of which the waiting room is told', async () => {
    const token = stack.secret('admin-token');
    const seats = client({ port: stack.base + 12, token });
    const queue = client({ port: stack.base + 11, token });
    await until('the same number at both', async () => {
      const { free } = (await seats.get(`/admin/events/${EVENT}/counts`)).json.now;
      const { text } = await queue.get('/admin/events');
      return text.includes(`"seats_left":${free},`);
    }, { timeoutMs: 30_000 });
  });

  test('leaves nothing for the reconciliation to find', async () => {
    const pay = client({ port: stack.base + 13, token: stack.secret('admin-token') });
    // On a busy machine a part may answer it too late; it says so, and the next one has it.
    const report = await until('a reconciliation of its own that reaches all', async () => {
      const { status, json } = await pay.post('/admin/reconcile', { timeoutMs: 30_000 });
      return status === 200 && json.not_reached.length === 0 && json;
    }, { timeoutMs: 120_000 });
    assert.deepEqual(report.items, []);
  });
});
