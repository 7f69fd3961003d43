// The whole visit, by a small crowd on a whole stack: the answers to visitors are consistent, and afterwards the provider's
// ledger, the seats, the orders and the shop agree.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  buildWithLimits,
  letIn,
  openScope,
  openStack,
  runCrowd,
  targetsOf,
  until,
} from '../../lib-js/index.js';
import { makeAccounts } from '../../../loadtest/lib/accounts.js';
import { audit } from '../../../loadtest/lib/audit.js';
import { factsOf } from '../../history/books.js';
import { story } from '../../history/check.js';

const EVENT = 'demo';
const RATE = 25;
const BURST = 25;
const HOLD_TTL_S = 15; // so that abandoned holds expire during the test

const FEW = 8;
const TURNED_BACK = 5;
const MANNERS = [
  'no_show', 'leaver', 'impatient', 'two_tabs', 'abandoner', 'listener', 'slow', 'jumper', 'forger',
  'reuser', 'sharer', 'hoarder',
];
const sum = (values) => values.reduce((total, value) => total + value, 0);

describe('a crowd of every manner', async () => {
  const scope = openScope(test);

  const targetsFor = (visitors) => ({ ...targetsOf(stack), users_file: makeAccounts(stack, visitors) });

  const env = { FAIRGATE_BUILD_DIR: buildWithLimits(scope, { hold_ttl_s: HOLD_TTL_S }) };
  const stack = await openStack(scope, { env });
  await stack.up();
  // A rate that lets everybody through in time.
  await letIn(stack, EVENT, { rate_per_s: RATE, burst: BURST, max_active: 0, pow_bits: 8 });
  const run = await runCrowd(scope, { scenario: 'smoke', settings: { targets: targetsFor(120) } });
  const verdict = run.judged(['--seats-max', '4']);
  const orders = stack.rows('payment_adapter', 'SELECT id, status, amount, seats FROM pay.orders');

  test('comes to an end, each with an answer that should be', (t) => {
    t.diagnostic(`seed ${run.seed}`);
    assert.equal(run.ended.failed, 0, run.log());
    assert.equal(run.ended.waiting, 0, 'everybody is through before their patience ends');
    assert.equal(run.lost_answers, 0);
    assert.equal(sum(Object.values(run.ended)), run.visitors);
    assert.ok(run.ended.done > run.visitors / 2, JSON.stringify(run.ended));
  });

  test('gets consistent and expected answers, and no trick works', () => {
    assert.deepEqual(verdict.found, [], verdict.text);
    for (const [trick, { worked }] of Object.entries(run.tricks)) assert.equal(worked, 0, trick);
    assert.ok(sum(Object.values(run.tricks).map(({ met }) => met)) > 0, 'some were tried');
    assert.equal(run.visits_unended, 0, 'seats and waiting room know of each order');
  });

  test('has an order for everybody who came through, and no order half done', () => {
    assert.deepEqual([...new Set(orders.map((order) => order.status))], ['completed']);
    assert.equal(orders.length, run.ended.done);
    assert.equal(run.seats_sold, sum(orders.map((order) => order.seats.length)));
  });

  test('reports the number of seats left to the waiting room', async () => {
    const [seats, queue] = ['seats', 'queue'].map((part) => stack.admin(part));
    await until('the same number at both', async () => {
      const { free } = (await seats.get(`/admin/events/${EVENT}/counts`)).json.now;
      const { text } = await queue.get('/admin/events');
      return text.includes(`"seats_left":${free},`);
    }, { timeoutMs: 60_000 });
  });

  test('leaves nothing for the reconciliation to find', async () => {
    const pay = stack.admin('pay');
    // On a busy machine a neighbour may answer too late; the report says so, and the next one includes it.
    const report = await until('a reconciliation of its own that reaches all', async () => {
      const { status, json } = await pay.post('/admin/reconcile', { timeoutMs: 60_000 });
      return status === 200 && json.not_reached.length === 0 && json;
    }, { timeoutMs: 120_000 });
    assert.deepEqual(report.items, []);
  });

  test('leaves books that agree, down to the shop, and no seat held', async () => {
    const books = await audit(stack, EVENT, { claimed: verdict });
    assert.deepEqual([books.findings, books.notJudged], [[], []]);
    assert.deepEqual([books.completed, books.inShop, books.toShop], [verdict.tickets, verdict.tickets, 0]);
  });

  test('leaves a history that can be so, with the books and without', async () => {
    const facts = await factsOf(stack, EVENT);
    const honest = run.history(facts);
    assert.deepEqual([honest.found.map(story), honest.wide], [[], []]);
    assert.ok(honest.judged > run.visitors && honest.bundles > run.ended.done, `${honest.judged} judged, ${honest.bundles} seats`);
    const sold = facts.findIndex(({ fact }) => fact === 'sold');
    const captured = facts.findIndex(({ fact }) => fact === 'captured');
    assert.deepEqual(run.history(facts.with(captured, { ...facts[captured], amount: facts[captured].amount - 1 })).found.map(({ kind }) => kind), ['sum']);
    const other = facts.find(({ fact, hold }) => fact === 'sold' && hold !== facts[sold].hold);
    assert.ok(run.history([...facts, { ...other, seat: facts[sold].seat }]).found.some(({ kind }) => kind === 'sold-and-lost'), 'a seat is sold to another as well');
  });

  // Some of a few paid orders are rolled back, and the shop never gets one order.
  test('would show a saga that turns paid orders back, and an outbox that drops one', async () => {
    const bank = stack.admin('psp');
    const refuse = await bank.post('/control/faults', {
      body: `fault=capture:error=402*${TURNED_BACK}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.equal(refuse.status, 201, refuse.text);
    stack.sql('payment_adapter', `CREATE SEQUENCE pay.planted; GRANT ALL ON pay.planted TO PUBLIC;
      CREATE FUNCTION pay.drop_one() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF nextval('pay.planted') = 1 THEN RETURN NULL; END IF; RETURN NEW; END $$;
      CREATE TRIGGER drop_one BEFORE INSERT ON pay.shop_outbox FOR EACH ROW EXECUTE FUNCTION pay.drop_one()`);
    const few = await runCrowd(scope, {
      scenario: 'smoke',
      settings: {
        targets: targetsFor(FEW),
        crowd: { visitors: FEW, within: '1s', patience: '30s' },
        journey: { choice: 'best' },
        people: Object.fromEntries(MANNERS.map((manner) => [manner, 0])),
      },
    });
    const claimed = few.judged(['--seats-max', '4']);
    assert.deepEqual(Object.keys(claimed.kinds).sort(), ['few-done', 'paid-no-ticket'], claimed.text);
    assert.equal(claimed.kinds['paid-no-ticket'], TURNED_BACK);
    const { findings } = await audit(stack, EVENT);
    assert.deepEqual(findings.map((text) => text.split(':')[0]), ['shop'], findings.join('; '));
    assert.match(findings[0], / is completed, and the shop has it 0 times/);
  });
});
