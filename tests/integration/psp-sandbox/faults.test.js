// Faults on command, seen by the official client; and a kill that loses nothing.

import assert from 'node:assert/strict';
import { appendFileSync, statSync, truncateSync } from 'node:fs';
import test from 'node:test';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { errorOf, HELD, KEY, openReceiver, startSandbox } from './sandbox.js';

const scope = openScope(test);
const sandbox = await startSandbox(scope);
let stripe = sandbox.stripe();

const held = () => stripe.paymentIntents.create(HELD);

// What the client sees, the payment afterwards, and what the client sees of a repetition under the same key.
for (const [fault, seen, status, again, replayed] of [
  ['lost', 'succeeded', 'succeeded', 'succeeded', 'true'], // the client repeats itself
  ['cut', 'StripeConnectionError', 'succeeded', 'succeeded', 'true'],
  ['error=500', 'StripeAPIError', 'requires_capture', 500, 'true'], // kept under its key
  ['error=503', 'StripeAPIError', 'requires_capture', 'succeeded', undefined], // not kept
  ['error_after', 'StripeAPIError', 'succeeded', 500, 'true'], // only reading tells
]) {
  test(`a capture with ${fault} moves the money at most once`, async () => {
    const paid = await held();
    const captures = async () => (await sandbox.ledger()).currencies.krw?.captures ?? 0;
    const before = await captures();
    await sandbox.fault(`capture:${fault}`);
    const client = sandbox.stripe({ maxNetworkRetries: fault === 'lost' ? 1 : 0 });
    const capture = () => client.paymentIntents.capture(paid.id, {}, { idempotencyKey: `a-${paid.id}` });
    const first = await capture().catch((error) => error);
    assert.equal(first.type ?? first.status, seen);
    assert.equal(first.lastResponse?.headers['idempotent-replayed'], fault === 'lost' ? 'true' : undefined);
    assert.equal((await stripe.paymentIntents.retrieve(paid.id)).status, status);
    const repeated = await capture().catch((error) => error);
    assert.equal(repeated.statusCode ?? repeated.status, again);
    assert.equal((repeated.headers ?? repeated.lastResponse.headers)['idempotent-replayed'], replayed);
    assert.equal(await captures(), before + (fault === 'error=500' ? 0 : 1));
  });
}

test('a delay comes before the work, slowness after it', async () => {
  const paid = await held();
  const impatient = sandbox.stripe({ timeout: 1000, maxNetworkRetries: 0 });
  await sandbox.fault('capture:slow=5000');
  const late = await errorOf(impatient.paymentIntents.capture(paid.id));
  assert.equal(late.type, 'StripeConnectionError');
  assert.equal((await stripe.paymentIntents.retrieve(paid.id)).status, 'succeeded');

  const other = await held();
  await sandbox.fault('capture:delay=5000');
  await errorOf(impatient.paymentIntents.capture(other.id));
  assert.equal((await stripe.paymentIntents.retrieve(other.id)).status, 'requires_capture');
  await until('the late work', async () => {
    return (await stripe.paymentIntents.retrieve(other.id)).status === 'succeeded';
  });
});

test('a fault that cannot be read is refused where it is given', async () => {
  const bad = assertStatus(await sandbox.control('faults', { fault: 'capture:exploded' }), 400);
  assert.match(bad.json.detail, /no such kind of fault as 'exploded'/);
  for (const fault of ['', 'captur:lost', 'capture', 'capture:duplicate', 'webhook:cut', 'webhook/:lost', 'capture:error=200', 'capture:lost=1', 'capture:delay=0', 'capture:lost*0', 'capture:lost*x'])
    assertStatus(await sandbox.control('faults', { fault }), 400);
  assertStatus(await sandbox.private.post('/control/faults', sandbox.form({ fault: 'any:lost' })), 401);
  await sandbox.fault('refund:lost*5');
  const list = await sandbox.admin.get('/control/faults');
  assert.deepEqual(list.json.faults, [{ operation: 'refund', kind: 'lost', value: 0, left: 5 }]);
  assert.deepEqual((await sandbox.admin.delete('/control/faults')).json.faults, []);
});

test('a moved clock lets authorisations run out, and keys after a day', async () => {
  const key = { idempotencyKey: 'for-a-day' };
  const paid = await stripe.paymentIntents.create(HELD, key);
  const made = (await stripe.charges.retrieve(paid.latest_charge)).payment_method_details.card;
  assert.equal(made.capture_before - paid.created, 7 * 24 * 3600);
  await sandbox.control('clock', { advance_s: 23 * 3600 });
  assert.equal((await stripe.paymentIntents.create(HELD, key)).id, paid.id);
  await sandbox.control('clock', { advance_s: 6 * 24 * 3600 + 3601 });
  assert.notEqual((await stripe.paymentIntents.create(HELD, key)).id, paid.id);
  await until('the hold to end', async () => {
    return (await stripe.paymentIntents.retrieve(paid.id)).status === 'canceled';
  });
  const { data } = await stripe.events.list({ type: 'charge.expired', limit: 100 });
  assert.ok(data.some((event) => event.data.object.payment_intent === paid.id));
});

test('after kill -9 every object, every key and every amount is there', async () => {
  const key = { idempotencyKey: 'before-the-kill' };
  const paid = await stripe.paymentIntents.create(HELD, key);
  await stripe.paymentIntents.capture(paid.id, { amount_to_capture: 1000 });
  await stripe.refunds.create({ payment_intent: paid.id, amount: 400 });
  const before = await sandbox.ledger();
  const list = (await stripe.paymentIntents.list({ limit: 100 })).data;
  const events = (await stripe.events.list({ limit: 100 })).data.map((event) => event.id);
  await sandbox.kill();
  appendFileSync(sandbox.journal, Buffer.from([9, 0, 0, 0, 1, 2, 3])); // a torn record
  await sandbox.start();

  const now = await sandbox.ledger();
  assert.deepEqual(now.currencies, before.currencies);
  stripe = sandbox.stripe();
  const again = (await stripe.paymentIntents.list({ limit: 100 })).data;
  assert.deepEqual(again, list);
  assert.deepEqual((await stripe.events.list({ limit: 100 })).data.map((event) => event.id), events);
  const replayed = await stripe.paymentIntents.create(HELD, key);
  assert.equal(replayed.id, paid.id);
  assert.equal(replayed.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(replayed.status, 'requires_capture'); // the stored answer
});

test('ended in the middle of everything, it goes at once and leaves nothing behind', async (t) => {
  const own = openScope(t);
  const receiver = await openReceiver(own, { status: 500 });
  const busy = await startSandbox(own, { webhook: receiver.url });
  const client = busy.stripe();
  await busy.fault('webhook:reorder=9,capture:slow=60000,create:delay=60000');
  const paid = await busy.http.post('/v1/payment_intents', {
    token: KEY,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'amount=1&currency=krw', // this one waits, the next ones do not
    timeoutMs: 1000,
  }).catch((error) => error);
  assert.match(paid.message, /no answer/);
  const made = await client.paymentIntents.create(HELD);
  const slow = errorOf(client.paymentIntents.capture(made.id));
  await receiver.until('a refused webhook', (got) => got.length > 0);
  await until('the capture', async () => (await busy.ledger()).currencies.krw.captures === 1);
  const exit = await busy.stop();
  assert.equal(exit.code, 0);
  assert.equal((await slow).type, 'StripeConnectionError');
  await busy.start(); // the captured payment is still there
  assert.equal((await busy.ledger()).currencies.krw.captures, 1);
});

test('a damaged journal stops the start with a sentence that says where', async () => {
  await stripe.paymentIntents.create(HELD);
  await sandbox.stop();
  const size = statSync(sandbox.journal).size;
  truncateSync(sandbox.journal, size - 40);
  appendFileSync(sandbox.journal, `${'x'.repeat(200)}\n`);
  await sandbox.start(false);
  sandbox.child.mayEnd = true;
  const exit = await sandbox.child.ends();
  assert.equal(exit.code, 1);
  assert.match(sandbox.child.log(), /journal is damaged at byte \d+/);
});
