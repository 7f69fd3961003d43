// Webhooks: their signatures pass the official client, they are repeated until confirmed, and every fault can be ordered.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { HELD, openReceiver, SECRET, startSandbox } from './sandbox.js';

async function begin(t, options = {}) {
  const scope = openScope(t);
  const receiver = await openReceiver(scope, options.receiver);
  const sandbox = await startSandbox(scope, { webhook: receiver.url, ...options });
  return { scope, receiver, sandbox, stripe: sandbox.stripe() };
}

const believed = (stripe, delivery, secret = SECRET) =>
  stripe.webhooks.constructEvent(delivery.body, delivery.headers['stripe-signature'], secret);

test('every event arrives, signed over its raw bytes', async (t) => {
  const { receiver, sandbox, stripe } = await begin(t);
  const paid = await stripe.paymentIntents.create({ ...HELD, metadata: { note: '값 "x" \\' } });
  await stripe.paymentIntents.capture(paid.id);
  await receiver.until('five events', (got) => got.length === 5);
  for (const delivery of receiver.got) {
    const event = believed(stripe, delivery);
    assert.equal(event.object, 'event');
    assert.match(delivery.headers['stripe-signature'], /^t=\d+,v1=[0-9a-f]{64}$/);
    assert.equal(delivery.headers['content-type'], 'application/json');
  }
  const [hold] = receiver.of('payment_intent.amount_capturable_updated');
  assert.equal(hold.json.data.object.metadata.note, '값 "x" \\');
  assert.throws(() => believed(stripe, hold, 'whsec_other'), /No signatures found/);
  await until('the sandbox to know', async () => (await sandbox.ledger()).webhooks.confirmed === 5);
  const { data } = await stripe.events.list();
  assert.equal(data.length, 5);
  assert.ok(data.every((event) => event.pending_webhooks === 0));
});

test('an address gets the types that are named for it', async (t) => {
  const named = ['charge.captured', 'payment_intent.created'];
  const { receiver, sandbox, stripe } = await begin(t, { env: { FAIRGATE_WEBHOOK_EVENTS: named.join(', ') } });
  const paid = await stripe.paymentIntents.create(HELD);
  await stripe.paymentIntents.capture(paid.id);
  await until('both to be confirmed', async () => (await sandbox.ledger()).webhooks.confirmed === 2);
  assert.deepEqual(receiver.got.map(({ json }) => json.type).sort(), named);
  const { data } = await stripe.events.list();
  assert.equal(data.length, 5);
  assert.ok(data.every((event) => event.pending_webhooks === 0), 'nobody waits for the others');
});

test('a receiver that fails is asked again, with a new signature and longer pauses, up to a last try', async (t) => {
  let refusals = 3;
  const { receiver, sandbox, stripe } = await begin(t, {
    receiver: { status: () => (refusals-- > 0 ? 500 : 204) },
  });
  await stripe.paymentIntents.create({ amount: 5, currency: 'krw' });
  await receiver.until('four tries', (got) => got.length === 4);
  const ids = new Set(receiver.got.map((delivery) => delivery.json.id));
  assert.equal(ids.size, 1);
  for (const delivery of receiver.got) believed(stripe, delivery);
  const pauses = receiver.got.slice(1).map((delivery, i) => delivery.at - receiver.got[i].at);
  assert.ok(pauses[0] >= 18 && pauses[1] >= 38 && pauses[2] >= 78, pauses.join());
  await until('it to be confirmed', async () => (await sandbox.ledger()).webhooks.confirmed === 1);
  Object.assign(receiver, { status: 503, got: [] });
  await stripe.paymentIntents.create({ amount: 6, currency: 'krw' });
  await until('it to be given up', async () => (await sandbox.ledger()).webhooks.given_up === 1);
  assert.equal(receiver.got.length, 5);
  const { data } = await stripe.events.list();
  assert.equal(data[0].type, 'payment_intent.created');
  assert.equal(data[0].pending_webhooks, 0);
});

test('a fault strikes the event that it names, in its own way', async (t) => {
  const { receiver, sandbox, stripe } = await begin(t);
  const CREATED = 'payment_intent.created'; // one of three events
  const strike = async (fault, deliveries) => {
    receiver.got.length = 0;
    await sandbox.fault(`webhook/${CREATED}:${fault}`);
    const { id } = await stripe.paymentIntents.create(HELD);
    await receiver.until(fault, (got) => got.length === deliveries);
    return { id, struck: receiver.of(CREATED) };
  };
  const lost = await strike('lost', 2);
  await until('the others to be confirmed', async () => (await sandbox.ledger()).webhooks.confirmed === 2);
  assert.deepEqual([lost.struck, (await sandbox.ledger()).webhooks.lost_on_command], [[], 1]);
  const { data } = await stripe.events.list({ type: CREATED });
  assert.deepEqual(data.map((event) => event.data.object.id), [lost.id], 'it is still listed');

  const { struck: copies } = await strike('duplicate', 102);
  assert.deepEqual([copies.length, new Set(copies.map(({ json }) => json.id)).size], [100, 1]);
  for (const copy of copies) believed(stripe, copy);

  await strike('reorder=2', 3);
  assert.equal(receiver.got[2].json.type, CREATED);

  for (const [fault, skew] of [['stale=3600', -3600], ['future=99999', 99_999]]) {
    const { struck: [odd] } = await strike(fault, 3);
    const [, at, v1] = /^t=(\d+),v1=(\w+)$/.exec(odd.headers['stripe-signature']);
    assert.equal(v1, createHmac('sha256', SECRET).update(`${at}.${odd.body}`).digest('hex'), 'only the time is wrong');
    const seconds = Number(at) - Date.now() / 1000;
    assert.ok(Math.abs(seconds - skew) < 60, `${seconds} s`);
    if (skew < 0) assert.throws(() => believed(stripe, odd), /Timestamp outside the tolerance/);
  }

  const { struck: [forged] } = await strike('badsig', 3);
  assert.throws(() => believed(stripe, forged), /No signatures found/);
});

test('what was not confirmed before a kill comes after it, and nothing else', async (t) => {
  const { receiver, sandbox, stripe } = await begin(t, { env: { FAIRGATE_WEBHOOK_RETRY: '500ms' } }); // or it is given up before the kill
  const first = await stripe.paymentIntents.create({ amount: 5, currency: 'krw' });
  await until('the first one', async () => (await sandbox.ledger()).webhooks.confirmed === 1);
  receiver.status = 500;
  const second = await stripe.paymentIntents.create({ amount: 6, currency: 'krw' });
  await receiver.until('a try', (got) => got.length >= 2);
  await sandbox.kill();
  receiver.status = 200;
  receiver.got.length = 0;
  await sandbox.start();
  await receiver.until('the second one', (got) => got.length === 1);
  await until('it to be confirmed', async () => (await sandbox.ledger()).webhooks.confirmed === 1);
  assert.deepEqual(receiver.got.map((delivery) => delivery.json.data.object.id), [second.id]);
  assert.notEqual(first.id, second.id);
});
