// The drivers on the sandbox, which keeps state and misbehaves when told to: Stripe's API and
// Toss's, from the hosted page to the refund. What the sandbox's own ledger says is the judge.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { freePort, openScope, until } from '../../lib-js/index.js';
import { KEY, SECRET, startSandbox } from '../psp-sandbox/sandbox.js';
import { openWorld } from './lib/world.js';

const scope = openScope();
let world;
let buyer;
let sandbox;

before(async () => {
  const port = await freePort();
  const hook = (provider) => `http://127.0.0.1:${port}/v1/pay/webhooks/${provider}`;
  sandbox = await startSandbox(scope, { webhook: hook('stripe'), toss: hook('toss'), returnUrls: 'http://tickets.example/' });
  const dir = scope.tempDir('psp-keys-');
  for (const [name, text] of [['key', KEY], ['hook', SECRET]])
    writeFileSync(join(dir, name), text, { mode: 0o600 });
  const url = `http://127.0.0.1:${sandbox.port}`;
  world = await openWorld(scope, {
    port,
    psp: {
      stripe_url: url,
      stripe_key: join(dir, 'key'),
      stripe_webhook_secret: join(dir, 'hook'),
      stripe_checkout_url: `${url}/pay/`,
      toss_url: url,
      toss_key: join(dir, 'key'),
      toss_checkout_url: `${url}/toss/pay`,
    },
    saga: { poll: '1s', poll_max: '2s', idle: '50ms' },
  });
  buyer = await world.login();
});
after(() => scope.close());

const make = async (provider) => {
  const visit = world.hold();
  const made = await world.order(buyer, visit, { body: provider ? { provider } : {} });
  assert.equal(made.status, 201, made.text);
  const ready = await until('the payment', async () => {
    const { json } = await buyer.get(`/v1/pay/orders/${made.json.order}`);
    return json.payment && json;
  });
  return { ...ready, visit };
};

const hidden = (html) =>
  Object.fromEntries(
    [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );

// As a browser does it: the page, the form, the way back.
async function payAt(checkoutUrl, number = '4242 4242 4242 4242') {
  const { pathname, search } = new URL(checkoutUrl);
  const page = await sandbox.http.get(pathname + search);
  assert.equal(page.status, 200, page.text);
  const action = /<form method="post" action="([^"]*)"/.exec(page.text)[1].replaceAll('&amp;', '&');
  const fields = { ...hidden(page.text), number, exp: '12/34', cvc: '123' };
  return sandbox.http.post(action, sandbox.form(fields));
}

test('a buyer pays on the hosted page and comes back to the order', async () => {
  const order = await make();
  const back = await payAt(order.payment.checkout_url);
  assert.equal(back.status, 303, back.text);
  assert.ok(back.headers.location.startsWith(`http://tickets.example/pay/orders/${order.order}`));
  await world.untilStatus(buyer, order.order, 'completed');
  const intents = await sandbox.stripe().paymentIntents.list({ limit: 100 });
  const mine = intents.data.filter(({ metadata }) => metadata.order === order.order);
  assert.deepEqual(mine.map(({ status, amount_received }) => [status, amount_received]), [['succeeded', 154000]]);
});

test('a declined card leaves the order open for another one', async () => {
  const order = await make();
  assert.equal((await payAt(order.payment.checkout_url, '4000 0000 0000 0002')).status, 402);
  assert.equal((await buyer.get(`/v1/pay/orders/${order.order}`)).json.status, 'pending_payment');
  assert.equal((await payAt(order.payment.checkout_url)).status, 303);
  await world.untilStatus(buyer, order.order, 'completed');
});

test('a refund and a cancel arrive at the provider', async () => {
  const refunded = await make();
  await payAt(refunded.payment.checkout_url);
  await world.untilStatus(buyer, refunded.order, 'completed');
  await buyer.post(`/v1/pay/orders/${refunded.order}/refund`);
  await world.untilStatus(buyer, refunded.order, 'refunded');
  const cancelled = await make();
  await buyer.post(`/v1/pay/orders/${cancelled.order}/cancel`);
  await world.untilStatus(buyer, cancelled.order, 'cancelled');
  const stripe = sandbox.stripe();
  const intents = (await stripe.paymentIntents.list({ limit: 100, expand: ['data.latest_charge'] })).data;
  const of = (id) => intents.find(({ metadata }) => metadata.order === id);
  assert.equal(of(refunded.order).latest_charge.amount_refunded, 154000);
  await until('the void', async () => (await stripe.paymentIntents.retrieve(of(cancelled.order).id)).status === 'canceled');
});

const faults = [
  'create:lost',
  'create:cut',
  'create:error=500*2',
  'create:error_after=500',
  'create:error=429*2',
  'get:error=500*3',
  'capture:lost',
  'capture:cut',
  'capture:error=500',
  'capture:error_after=500',
  'capture:slow=3000',
  'webhook:lost*4',
  'webhook:duplicate=100',
  'webhook:reorder=2*3',
  'webhook:future*4',
  'webhook:stale*4',
  'webhook:badsig*4',
];
for (const fault of faults) {
  test(`with ${fault} an order is paid exactly once`, async () => {
    await sandbox.fault(fault);
    const order = await make();
    await payAt(order.payment.checkout_url);
    await world.untilStatus(buyer, order.order, 'completed');
    await sandbox.admin.delete('/control/faults');
    const intents = (await sandbox.stripe().paymentIntents.list({ limit: 100 })).data;
    const captured = intents.filter(({ metadata, amount_received }) => metadata.order === order.order && amount_received > 0);
    assert.equal(captured.length, 1);
    assert.equal(world.seats.holds.get(order.visit.hold).state, 'sold');
  });
}

test('a refund whose answer is lost is made once', async () => {
  const order = await make();
  await payAt(order.payment.checkout_url);
  await world.untilStatus(buyer, order.order, 'completed');
  await sandbox.fault('refund:lost*2');
  await buyer.post(`/v1/pay/orders/${order.order}/refund`);
  await world.untilStatus(buyer, order.order, 'refunded');
  const refunds = (await sandbox.stripe().refunds.list({ limit: 100 })).data;
  assert.equal(refunds.filter(({ metadata }) => metadata.order === order.order).length, 1);
});

test('an authorisation that ran out is not captured, and the seats go back', async () => {
  const order = await make();
  world.seats.fault('/confirm', 500, 2);
  await payAt(order.payment.checkout_url);
  await until('the confirm to be tried', () => world.seats.calls.some(({ path, body }) => path.endsWith('/confirm') && body.includes(order.order)));
  await sandbox.control('clock', { advance_s: '700000' });
  const end = await world.untilStatus(buyer, order.order, 'failed', 'completed');
  assert.equal(end.status, 'failed');
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'free');
});

// Everything that has been done so far is old enough to have to agree. -> drift that is shown
async function reconciled() {
  await until('every saga to end', () => world.postgres.sql('SELECT count(*) FROM pay.saga WHERE state < 2', 'pay') === '0');
  world.postgres.sql("UPDATE pay.orders SET changed_at = now() - interval '2 hours'", 'pay');
  // A machine that is busy elsewhere may leave a link of the chain unasked: then once more.
  const run = () => until('a run that reaches everybody', async () => {
    const report = (await world.pay.admin.post('/admin/reconcile', { body: {} })).json;
    if (report.not_reached.length > 0) throw new Error(`not reached: ${report.not_reached}`);
    return report;
  });
  await run();
  world.postgres.sql("UPDATE pay.psp_payment SET seen_at = now() - interval '2 hours'", 'pay');
  const second = await run();
  return second.items.filter(({ kind }) => kind !== 'not-at-shop');
}

test('reconciliation by the sandbox\'s own list of events finds nothing amiss', async () => {
  assert.deepEqual(await reconciled(), []);
});

// The buyer agrees in Toss's window.
async function agreeAt(checkoutUrl, number = '4242424242424242') {
  const fields = Object.fromEntries(new URL(checkoutUrl).searchParams);
  const answer = await sandbox.http.post('/toss/pay', sandbox.form({ ...fields, number }));
  assert.equal(answer.status, 303, answer.text);
  return answer;
}

const authorization = `Basic ${Buffer.from(`${KEY}:`).toString('base64')}`;
const tossPayment = async (order) =>
  (await sandbox.http.get(`/v1/payments/orders/${order}`, { headers: { authorization } })).json;

test('by Toss: agreed, confirmed, refunded', async () => {
  const order = await make('toss');
  assert.equal(order.payment.provider, 'toss');
  await agreeAt(order.payment.checkout_url);
  await world.untilStatus(buyer, order.order, 'completed');
  const paid = await tossPayment(order.order);
  assert.deepEqual([paid.status, paid.totalAmount], ['DONE', 154000]);
  await buyer.post(`/v1/pay/orders/${order.order}/refund`);
  await world.untilStatus(buyer, order.order, 'refunded');
  assert.equal((await tossPayment(order.order)).status, 'CANCELED');
});

test('by Toss: a hint that nobody signed moves nothing by itself', async () => {
  const order = await make('toss');
  const body = { eventType: 'PAYMENT_STATUS_CHANGED', createdAt: new Date().toISOString(), data: { orderId: order.order, status: 'DONE', totalAmount: 154000 } };
  assert.equal((await world.pay.http.post('/v1/pay/webhooks/toss', { body })).status, 204);
  await until('a look', async () => {
    const { timeline } = (await buyer.get(`/v1/pay/orders/${order.order}`)).json;
    return timeline.filter(({ step }) => step === 'await_buyer').length > 0;
  });
  assert.equal((await buyer.get(`/v1/pay/orders/${order.order}`)).json.status, 'pending_payment');
  await buyer.post(`/v1/pay/orders/${order.order}/cancel`);
  await world.untilStatus(buyer, order.order, 'cancelled');
});

for (const fault of ['toss_confirm:lost', 'toss_confirm:cut', 'toss_confirm:error_after=500', 'toss_get:error=500*2', 'toss_cancel:lost']) {
  test(`by Toss, with ${fault}: paid once, refunded once`, async () => {
    const order = await make('toss');
    await sandbox.fault(fault);
    await agreeAt(order.payment.checkout_url);
    await world.untilStatus(buyer, order.order, 'completed');
    await buyer.post(`/v1/pay/orders/${order.order}/refund`);
    await world.untilStatus(buyer, order.order, 'refunded');
    await sandbox.admin.delete('/control/faults');
    const paid = await tossPayment(order.order);
    assert.equal(paid.status, 'CANCELED');
    assert.equal(paid.cancels.length, 1);
  });
}

test('by Toss: a card that refuses at the confirm gives the seats back', async () => {
  const order = await make('toss');
  await agreeAt(order.payment.checkout_url, '4000000000000002');
  const end = await until('an end', async () => {
    const { json } = await buyer.get(`/v1/pay/orders/${order.order}`);
    return json.status !== 'confirming' && json;
  });
  assert.ok(['failed', 'pending_payment'].includes(end.status), end.status);
  if (end.status === 'pending_payment') await buyer.post(`/v1/pay/orders/${order.order}/cancel`);
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'free');
});

test('reconciliation reads Toss\'s transactions, onward from where it stood, and sees what was done behind our back', async () => {
  const orders = [];
  for (let i = 0; i < 2; i++) {
    const order = await make('toss');
    await agreeAt(order.payment.checkout_url);
    await world.untilStatus(buyer, order.order, 'completed');
    orders.push(order.order);
  }
  assert.deepEqual(await reconciled(), []);
  const kept = world.postgres.sql("SELECT count(*) FROM pay.psp_payment WHERE provider = 'toss' AND captured = 154000", 'pay');
  assert.ok(Number(kept) >= 2);
  const cursor = () => world.postgres.sql("SELECT event FROM pay.reconcile_cursor WHERE provider = 'toss'", 'pay');
  const stood = cursor();
  assert.match(stood, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\/txn_/);
  // Somebody refunds at the provider.
  const { paymentKey } = await tossPayment(orders[0]);
  const answer = await sandbox.http.post(`/v1/payments/${paymentKey}/cancel`, { body: { cancelReason: 'by hand' }, headers: { authorization } });
  assert.equal(answer.status, 200);
  // And an order of ours is completed of which Toss has never heard.
  world.postgres.sql(`UPDATE pay.psp_payment SET captured = 0 WHERE payment = '${orders[1]}'`, 'pay');
  const drift = await reconciled();
  assert.deepEqual(
    drift.map(({ kind, order }) => [kind, order]).sort(),
    [['completed-without-money', orders[1]], ['given-back-without-refund', orders[0]]],
  );
  assert.notEqual(cursor(), stood);
  await sandbox.fault('toss_list:error=500');
  assert.deepEqual((await world.pay.admin.post('/admin/reconcile', { body: {} })).json.not_reached, ['provider']);
});
