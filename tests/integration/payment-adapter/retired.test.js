// After an event is retired: its orders' pages say so, and the provider's late reports of money are listed under the
// archive's name until they are archived, too. The service runs throughout.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope, runBeside } from '../../lib-js/index.js';
import { startSandbox } from '../psp-sandbox/sandbox.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
let order, intent;

const sandbox = await startSandbox(scope, { webhook: 'http://127.0.0.1:9/', returnUrls: 'http://tickets.example/' });
const world = await openWorld(scope, {
  psp: { ...sandbox.settings, stripe_flow: 'intents' },
  saga: { poll: '200ms', poll_max: '400ms', poll_rare: '400ms' },
});
const buyer = await world.login();
const archive = scope.tempDir('archive-');

const retire = (...more) => runBeside('payment-adapter', ['retire', EVENT, '--to', archive, '--config', world.pay.configPath, ...more]);
const about = async () => (await world.reconciled()).filter((item) => item.order === order);

async function complete() {
  const id = await world.ordered(buyer, world.hold());
  const { id: payment } = await sandbox.intentOf(id);
  await sandbox.stripe().paymentIntents.confirm(payment, { payment_method: 'pm_card_visa', return_url: 'http://tickets.example/' });
  await world.untilStatus(buyer, id, 'completed');
  return { id, payment };
}

test('an event that was just sold stays', async () => {
  ({ id: order, payment: intent } = await complete());
  assert.deepEqual(await about(), []);
  const { status, stderr } = await retire();
  assert.equal(status, 1);
  assert.match(stderr, /may be retired at/);
  assert.equal((await buyer.get(`/v1/pay/orders/${order}`)).status, 200);
});

test('money that is not what the order says keeps the event, until the difference is accepted', async () => {
  world.sql(`UPDATE pay.orders SET created_at = now() - interval '1 year', starts_at = now() - interval '1 year'`);
  await sandbox.stripe().refunds.create({ payment_intent: intent, amount: 1000 });
  const late = async () => (await world.reconciledTwice()).filter((one) => one.order === order);
  const [item] = await late();
  assert.deepEqual([item.kind, item.sum], ['refunded-in-part', -1000]);
  assert.match((await retire()).stderr, /the money of 1 orders is not what it should be/);
  assert.equal((await world.pay.admin.post(`/admin/reconcile/${item.difference}/accept`, { body: { reason: 'goodwill' } })).status, 204);
  assert.deepEqual(await late(), []);
});

test('once it is retired its order is gone, and its page says where to', async () => {
  world.sql(`UPDATE pay.orders SET created_at = now() - interval '1 year', starts_at = now() - interval '1 year'`);
  assert.deepEqual(await about(), []); // the order is processed once more
  world.sql(`INSERT INTO pay.postponed_event (event, show, refund_until, reason) VALUES ('${EVENT}', '{"starts_at": "2131-01-01T00:00:00Z"}', now(), 'ill')`);
  const { picture } = (await world.pay.admin.post(`/admin/events/${EVENT}/pictures`, { body: Buffer.from('ffd8ffe000', 'hex') })).json;
  assert.match((await retire()).stderr, /it began at 2131/);
  const began = world.sql("UPDATE pay.postponed_event SET show = jsonb_build_object('starts_at', now() - interval '11 months') RETURNING show->>'starts_at'");
  const { status, stderr } = await retire();
  assert.equal(status, 0, stderr);
  assert.equal(world.sql('SELECT count(*) FROM pay.orders'), '0');
  assert.equal((await buyer.get(picture)).status, 404);
  assert.equal(world.sql(`SELECT (totals->>'starts_at')::timestamptz = '${began}' FROM pay.retired`), 't');
  for (const call of ['get', 'post']) {
    const answer = await buyer[call](`/v1/pay/orders/${order}${call === 'post' ? '/refund' : ''}`);
    assert.deepEqual([answer.status, answer.json.code], [410, 'order-retired']);
  }
  for (const page of ['orders', 'tickets']) {
    const answer = assertStatus(await buyer.get(`/pay/${page}/${order}?lang=en`), 410);
    assert.match(answer.text, /long over/);
  }
  assert.equal((await buyer.get('/v1/pay/orders/o_ABCDEFGHIJKLMNOPQRST')).json.code, 'order-unknown');
  const { json } = await world.pay.admin.get(`/admin/events/${EVENT}/audit`);
  assert.deepEqual(json.acts.map(({ act }) => act), ['retired']);
  assert.equal(world.sql('SELECT count(*) FROM pay.drift_accepted'), '0');
});

test('reconciliation misses nothing of it', async () => {
  for (let run = 0; run < 2; run += 1) assert.deepEqual(await world.reconciled(), []);
});

test('a late dispute is reported with the archive, and the event is not settled while it is open', async () => {
  const dispute = async (fields) => assert.equal((await sandbox.control('disputes', { payment_intent: intent, ...fields })).status, 200);
  await dispute({});
  for (let run = 0; run < 2; run += 1) {
    const [item] = await about();
    assert.equal(item.kind, 'after-retirement');
    assert.equal(item.payment, intent);
    assert.ok(item.detail.includes(`${archive}/${EVENT}.payment-adapter.1`), item.detail);
  }
  const open = await retire();
  assert.equal(open.status, 1);
  assert.match(open.stderr, /disputes and refunds are under way/);
  await dispute({ status: 'lost' });
  assert.equal((await about())[0].kind, 'after-retirement');
});

test('late changes are archived by another run, and no longer reported', async () => {
  const { status, stderr } = await retire();
  assert.equal(status, 0, stderr);
  assert.deepEqual(await world.reconciled(), []);
  const [late] = world.postgres.rows(`SELECT part, totals->'late' AS late FROM pay.retired WHERE event = '${EVENT}' ORDER BY part DESC`, 'pay');
  assert.equal(late.part, 2);
  assert.equal(late.late[0].order, order);
  assert.ok(late.late[0].disputed > 0);
});
