// The drivers of Stripe's and Toss's APIs on the sandbox, which has state and misbehaves on command, from the hosted page to
// the refund. The sandbox's own ledger decides what is right.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, freePort, openScope, until } from '../../lib-js/index.js';
import { KEY, startSandbox } from '../psp-sandbox/sandbox.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
const port = await freePort();
const hook = (provider) => `http://127.0.0.1:${port}/v1/pay/webhooks/${provider}`;
const sandbox = await startSandbox(scope, { webhook: hook('stripe'), toss: hook('toss'), returnUrls: 'http://tickets.example/' });
const url = `http://127.0.0.1:${sandbox.port}`;
const world = await openWorld(scope, {
  port,
  psp: {
    ...sandbox.settings,
    stripe_checkout_url: '',
    toss_url: url,
    toss_key: sandbox.keyFile,
    toss_checkout_url: `${url}/toss/pay`,
  },
  saga: { poll: '1s', poll_max: '2s', idle: '50ms' },
});
const buyer = await world.login();

const make = async (provider) => {
  const visit = world.hold();
  const made = assertStatus(await world.order(buyer, visit, { body: provider ? { provider } : {} }), 201);
  const ready = await until('the payment', async () => {
    const { json } = await buyer.get(`/v1/pay/orders/${made.json.order}`);
    return json.payment && json;
  });
  return { ...ready, visit };
};

const sessionsOf = async (order) =>
  (await sandbox.stripe().checkout.sessions.list({ limit: 100 })).data.filter(({ metadata }) => metadata.order === order);

// As a browser does: the page, the form, the way back.
async function payAt(checkoutUrl, number = '4242 4242 4242 4242') {
  const { pathname, search } = new URL(checkoutUrl);
  const page = assertStatus(await sandbox.http.get(pathname + search), 200);
  const action = /<form method="post" action="([^"]*)"/.exec(page.text)[1].replaceAll('&amp;', '&');
  return sandbox.http.post(action, sandbox.form({ number, exp: '12/34', cvc: '123' }));
}

const paid = async () => {
  const order = await make();
  await payAt(order.payment.checkout_url);
  await world.untilStatus(buyer, order.order, 'completed');
  return order;
};

const act = (call, status) => async (order) => {
  await buyer.post(`/v1/pay/orders/${order}/${call}`);
  await world.untilStatus(buyer, order, status);
};
const [refund, cancel] = [act('refund', 'refunded'), act('cancel', 'cancelled')];

test('a buyer pays on the hosted page and comes back to the order', async () => {
  const order = await make();
  assert.match(order.payment.checkout_url, /\/pay\/cs_test_\w+$/);
  assert.equal(order.payment.client_secret, undefined);
  const [session] = await sessionsOf(order.order);
  assert.equal(session.payment_intent, null); // Stripe makes it when the page is submitted
  assert.deepEqual([session.amount_total, session.currency, session.locale, session.metadata.event], [154000, 'krw', 'ko', EVENT]);
  assert.equal(session.success_url, `http://tickets.example/pay/orders/${order.order}`);
  assert.match((await sandbox.http.get(new URL(session.url).pathname)).text, /<h1>갈라 &amp; 친구들<\/h1>/);
  const back = assertStatus(await payAt(order.payment.checkout_url), 303);
  assert.equal(back.headers.location, session.success_url);
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
  const refunded = await paid();
  await refund(refunded.order);
  const cancelled = await make();
  await cancel(cancelled.order);
  assert.equal((await sandbox.intentOf(refunded.order)).latest_charge.amount_refunded, 154000);
  await until('the void', async () => (await sessionsOf(cancelled.order))[0].status === 'expired');
  assert.equal(await sandbox.intentOf(cancelled.order), undefined);
  assertStatus(await sandbox.http.get(new URL(cancelled.payment.checkout_url).pathname), 410);
});

test('what a buyer began to pay is given up with the session', async () => {
  const order = await make();
  assert.equal((await payAt(order.payment.checkout_url, '4000 0000 0000 0002')).status, 402);
  await cancel(order.order);
  await until('the void', async () => (await sessionsOf(order.order))[0].status === 'expired');
  const [session] = await sessionsOf(order.order);
  assert.equal((await sandbox.stripe().paymentIntents.retrieve(session.payment_intent)).status, 'canceled');
});

test('a buyer who pays in the moment in which the order is given up pays nothing', async () => {
  // The moment lasts a second and a half, and a busy machine may miss it.
  const order = await until('a payment in that moment', async () => {
    const one = await make();
    await sandbox.fault('expire:delay=1500');
    await buyer.post(`/v1/pay/orders/${one.order}/cancel`);
    await until('the expiry to be on its way', async () => !(await sandbox.admin.get('/control/faults')).text.includes('expire'));
    return (await payAt(one.payment.checkout_url)).status === 303 && one;
  });
  const [session] = await sessionsOf(order.order);
  assert.equal(session.status, 'complete');
  await world.untilStatus(buyer, order.order, 'cancelled');
  await until('the void', async () => (await sandbox.stripe().paymentIntents.retrieve(session.payment_intent)).status === 'canceled');
  // From then on it is known by the intent, as in the provider's list of events.
  assert.equal(world.postgres.sql(`SELECT payment FROM pay.orders WHERE id = '${order.order}'`, 'pay'), session.payment_intent);
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'gone');
});

test('a session that was expired at the provider ends its order', async () => {
  const order = await make();
  const [session] = await sessionsOf(order.order);
  await sandbox.stripe().checkout.sessions.expire(session.id);
  const end = await world.untilStatus(buyer, order.order, 'failed', 'cancelled', 'expired');
  assert.notEqual(end.status, 'completed');
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'gone');
});

test('a buyer whose bank asks says yes on the page, and the order is paid', async () => {
  const order = await make();
  const asked = await payAt(order.payment.checkout_url, '4000 0025 0000 3155');
  assert.match(asked.headers.location, /^\/pay\/cs_test_\w+\/authenticate/);
  const path = asked.headers.location.split('?')[0];
  assert.equal((await sandbox.http.post(path, sandbox.form({ decision: 'approve' }))).status, 303);
  await world.untilStatus(buyer, order.order, 'completed');
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
  // Another account's key: no order may fail because of it.
  'create:error=401*2',
  'get:error=404*2',
  'get:error=401*2',
  'capture:error=401*2',
  'capture:error=403*2',
  'capture:error=404*2',
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
  const order = await paid();
  await sandbox.fault('refund:lost*2');
  await refund(order.order);
  const refunds = (await sandbox.stripe().refunds.list({ limit: 100 })).data;
  assert.equal(refunds.filter(({ metadata }) => metadata.order === order.order).length, 1);
});

// The operator refunds a part.
const giveBack = async (order, percent) => {
  assertStatus(await world.pay.admin.post(`/admin/orders/${order}/refund`, { body: { reason: 'the sound failed', percent } }), 202);
  await world.untilStatus(buyer, order, 'refunded');
};

test('a part is given back up to its sum, whatever was given back by hand before', async () => {
  const order = await paid();
  await sandbox.stripe().refunds.create({ payment_intent: (await sandbox.intentOf(order.order)).id, amount: 60_000 });
  await giveBack(order.order, 70);
  assert.equal((await sandbox.intentOf(order.order)).latest_charge.amount_refunded, 107_800);
});

test('an order that began on a page of the site ends there, whatever the setting says by then', async () => {
  const flow = async (words) => {
    await world.pay.kill();
    world.pay.configure(world.config({ psp: words })(world.pay));
    await world.pay.start();
  };
  const page = `http://127.0.0.1:${sandbox.port}/pay/`;
  await flow({ stripe_checkout_url: page, stripe_flow: 'intents' });
  const [paid, cancelled] = [await make(), await make()];
  assert.match(paid.payment.client_secret, /^pi_/);
  assert.ok(paid.payment.checkout_url.startsWith(`${page}${paid.payment.client_secret}?`));
  await flow({ stripe_checkout_url: '', stripe_flow: 'sessions' });
  const session = await make();
  await payAt(paid.payment.checkout_url);
  await world.untilStatus(buyer, paid.order, 'completed');
  await cancel(cancelled.order);
  const [intent] = cancelled.payment.client_secret.split('_secret_');
  await until('the void', async () => (await sandbox.stripe().paymentIntents.retrieve(intent)).status === 'canceled');
  await flow({ stripe_checkout_url: page, stripe_flow: 'auto' });
  await payAt(session.payment.checkout_url);
  await world.untilStatus(buyer, session.order, 'completed');
  await flow({ stripe_checkout_url: '' });
});

// Ages everything so that it must agree. Returns the reported drift.
const reconciled = async () => (await reconciledReport()).items.filter(({ kind }) => kind !== 'not-at-shop');
async function reconciledReport() {
  await until('every saga to end', () => world.postgres.sql('SELECT count(*) FROM pay.saga WHERE state < 2', 'pay') === '0');
  await world.reconciled();
  world.sql("UPDATE pay.psp_payment SET seen_at = now() - interval '1 hour'");
  return world.report();
}

test('reconciliation by the sandbox\'s own list of events finds nothing amiss', async () => {
  assert.deepEqual(await reconciled(), []);
});

const bought = async () => {
  const { order } = await paid();
  return { order, intent: (await sandbox.intentOf(order)).id };
};
const found = async (order) => (await reconciled()).filter((item) => item.order === order).map(({ kind }) => kind);

test('a part that was given back at the provider is found, and so is the whole', async () => {
  const { order, intent } = await bought();
  const stripe = sandbox.stripe();
  await stripe.refunds.create({ payment_intent: intent, amount: 1000 });
  await stripe.refunds.create({ payment_intent: intent, amount: 500 });
  const [item] = (await reconciled()).filter((one) => one.order === order);
  assert.deepEqual([item.kind, item.payment, item.detail], ['refunded-in-part', intent, 'captured 154000, given back 1500']);
  assert.ok(item.means && item.todo);
  await stripe.refunds.create({ payment_intent: intent });
  assert.deepEqual(await found(order), ['given-back-without-refund']);
  await refund(order);
  assert.deepEqual(await found(order), []);
});

test('a refund that the bank sends back later is found, until the money is given back again', async () => {
  const { order, intent } = await bought();
  await refund(order);
  assert.deepEqual(await found(order), []);
  const stripe = sandbox.stripe();
  const { data } = await stripe.refunds.list({ payment_intent: intent });
  assert.equal((await sandbox.control('refunds/fail', { refund: data[0].id })).status, 200);
  assert.deepEqual(await found(order), ['refund-failed']);
  await stripe.refunds.create({ payment_intent: intent });
  assert.deepEqual(await found(order), []);
});

test('a dispute is reported while it is open, and once lost for as long as the tickets are good', async () => {
  const { order, intent } = await bought();
  const dispute = async (fields) => assert.equal((await sandbox.control('disputes', { payment_intent: intent, ...fields })).status, 200);
  await dispute({});
  assert.deepEqual(await found(order), ['disputed']);
  await dispute({ status: 'lost' });
  assert.deepEqual(await found(order), ['dispute-lost']);
  const other = await bought();
  assert.equal((await sandbox.control('disputes', { payment_intent: other.intent })).status, 200);
  assert.equal((await sandbox.control('disputes', { payment_intent: other.intent, status: 'won' })).status, 200);
  assert.deepEqual(await found(other.order), []);
  // Giving up the order revokes the tickets; the buyer already has the money.
  await refund(order);
  assert.deepEqual(await found(order), []);
});

test('what the shop sells over the same account is counted apart, and hides nothing', async () => {
  const stripe = sandbox.stripe();
  const sale = (metadata) => stripe.paymentIntents.create({ amount: 700, currency: 'krw', payment_method: 'pm_card_visa', confirm: true, metadata });
  for (let i = 0; i < 30; i += 1) await sale(i % 2 ? {} : { order: `shop-${i}` });
  const report = await reconciledReport();
  assert.deepEqual(report.foreign, { payments: 30, amount: 21000 });
  assert.deepEqual(report.items.filter(({ kind }) => kind === 'money-without-order'), []);
  // We must explain a payment that names an order of ours.
  const lost = await sale({ order: `o_${world.postgres.sql('SELECT id FROM pay.installation', 'pay')}AAAAAAAAAAAAAAAA` });
  const items = (await reconciled()).filter(({ kind }) => kind === 'money-without-order');
  assert.deepEqual(items.map(({ payment }) => payment), [lost.id]);
  await stripe.refunds.create({ payment_intent: lost.id });
  // Many of one kind: all are counted, some are listed, and none hides another kind.
  world.postgres.sql("INSERT INTO pay.shop_order (external_id, amount) SELECT 'x' || i, 1 FROM generate_series(1, 700) i", 'pay');
  const many = await reconciledReport();
  assert.equal(many.items.filter(({ kind }) => kind === 'unknown-at-shop').length, 20);
  assert.ok(many.drift >= 700);
  world.postgres.sql("DELETE FROM pay.shop_order WHERE external_id LIKE 'x%'", 'pay');
});

test('a page of events that is longer than an answer may be is read in parts', async () => {
  const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, 'x'.repeat(500)]));
  for (let i = 0; i < 40; i += 1)
    await sandbox.stripe().paymentIntents.create({ amount: 700, currency: 'krw', payment_method: 'pm_card_visa', confirm: true, metadata });
  assert.equal((await reconciledReport()).foreign.payments, 70);
});

test('a place in the list that the provider has forgotten is found again, and it says so', async () => {
  const stood = () => world.postgres.sql("SELECT event FROM pay.reconcile_cursor WHERE provider = 'stripe'", 'pay');
  world.postgres.sql("UPDATE pay.reconcile_cursor SET event = 'evt_of_last_year', at = now() - interval '40 days' WHERE provider = 'stripe'", 'pay');
  const { order } = await bought();
  const items = await reconciled();
  assert.deepEqual(items.map(({ kind, payment }) => [kind, payment]), [['events-missed', 'stripe']]);
  assert.notEqual(stood(), 'evt_of_last_year');
  // No answer in time, on a busy machine, has status 0.
  assert.deepEqual(world.pay.child.logLines().filter(({ msg, status }) => msg.startsWith('reconciliation did not get') && status !== 0), []);
  assert.equal(world.postgres.sql(`SELECT captured FROM pay.psp_payment WHERE order_id = '${order}'`, 'pay'), '154000');
  world.postgres.sql('UPDATE pay.reconcile_cursor SET gap_at = gap_at - interval \'8 days\'', 'pay');
  assert.deepEqual(await reconciled(), []);
});

test('an order in a currency that its provider does not take is refused before anything is stored', async () => {
  const visit = world.hold({ total: 15_000, currency: 'USD' });
  const orders = () => world.postgres.sql('SELECT count(*) FROM pay.orders', 'pay');
  const before = orders();
  for (const [provider, currency] of [['toss', 'USD'], ['stripe', 'ISK'], ['stripe', 'MGA'], ['stripe', 'KWD']]) {
    const held = currency === 'USD' ? visit : world.hold({ total: 15_000, currency });
    const refused = assertProblem(await world.order(buyer, held, { body: { provider } }), 422, 'currency-not-taken');
    assert.equal(refused.detail, `This event is sold in ${currency}, which cannot be paid with ${provider}.`);
  }
  assert.equal(orders(), before);
  const made = await world.order(buyer, visit, { body: { provider: 'stripe' } });
  assert.deepEqual([made.status, made.json.currency], [201, 'USD'], made.text);
  assertStatus(await buyer.post(`/v1/pay/orders/${made.json.order}/cancel`), 202);
  await world.untilStatus(buyer, made.json.order, 'cancelled');
  const free = assertStatus(await world.order(buyer, world.hold({ total: 0, currency: 'USD' }), { body: { provider: 'toss' } }), 201);
  await world.untilStatus(buyer, free.json.order, 'completed');
});

async function refundInParts(order, back) {
  const ask = async (body, status) => {
    assertStatus(await world.pay.admin.post(`/admin/orders/${order}/refund`, { body }), 202);
    await until('the refund to end', () => world.postgres.sql(`SELECT count(*) FROM pay.saga WHERE subject = '${order}' AND state < 2`, 'pay') === '0');
    await world.untilStatus(buyer, order, status);
  };
  await ask({ reason: 'late', amount: 10_000 }, 'completed');
  assert.equal(await back(), 10_000);
  await ask({ reason: 'late again', amount: 10_000 }, 'completed');
  assert.equal(await back(), 20_000);
  assert.deepEqual((await reconciled()).filter((item) => item.order === order), []);
  await ask({ reason: 'rain' }, 'refunded');
  assert.equal(await back(), 154_000);
  assert.deepEqual((await reconciled()).filter((item) => item.order === order), []);
}

test('two parts of the same sum go back, each once, and then the rest', async () => {
  const { order } = await bought();
  await refundInParts(order, async () => (await sandbox.intentOf(order)).latest_charge.amount_refunded);
});

// Stripe's last test: from here on the sandbox's clock is ahead of ours, and sessions would fail.
test('an authorisation that ran out is not captured, and the seats go back', async () => {
  const order = await make();
  world.seats.fault('/confirm', 500, Infinity);
  await payAt(order.payment.checkout_url);
  await until('the confirm to be tried', () => world.seats.calls.some(({ path, body }) => path.endsWith('/confirm') && body.includes(order.order)));
  await sandbox.control('clock', { advance_s: '700000' });
  world.seats.heal();
  const end = await world.untilStatus(buyer, order.order, 'failed', 'completed');
  assert.equal(end.status, 'failed');
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'gone');
});

// The buyer agrees in Toss's window. Returns where Toss sends the browser.
async function agree(checkoutUrl, how = { number: '4242424242424242' }) {
  const fields = Object.fromEntries(new URL(checkoutUrl).searchParams);
  const answer = assertStatus(await sandbox.http.post('/toss/pay', sandbox.form({ ...fields, ...how })), 303);
  return new URL(answer.headers.location);
}

// Returns to our page with Toss's parameters in the address.
async function agreeAt(checkoutUrl, how) {
  const { pathname, search, searchParams } = await agree(checkoutUrl, how);
  assertStatus(await buyer.get(pathname + search), 200);
  return searchParams;
}

const authorization = `Basic ${Buffer.from(`${KEY}:`).toString('base64')}`;
const tossPayment = async (order) =>
  (await sandbox.http.get(`/v1/payments/orders/${order}`, { headers: { authorization } })).json;

const paidByToss = async () => {
  const { order, payment } = await make('toss');
  assert.equal(payment.provider, 'toss');
  await agreeAt(payment.checkout_url);
  await world.untilStatus(buyer, order, 'completed');
  return order;
};
const cancelsOf = async (order) => {
  const { status, balanceAmount, cancels } = await tossPayment(order);
  return [status, balanceAmount, cancels.map(({ cancelAmount }) => cancelAmount)];
};

test('by Toss: a part whose answer is lost is given back once, and nobody takes the rest for a mistake', async () => {
  const order = await paidByToss();
  await sandbox.fault('toss_cancel:lost*2');
  await giveBack(order, 70);
  assert.deepEqual(await cancelsOf(order), ['PARTIAL_CANCELED', 46_200, [107_800]]);
  assert.deepEqual((await reconciled()).filter((item) => item.order === order), []);
});

test('by Toss: a part is given back up to its sum, whatever was given back by hand before', async () => {
  const order = await paidByToss();
  const { paymentKey } = await tossPayment(order);
  const byHand = await sandbox.http.post(`/v1/payments/${paymentKey}/cancel`, { body: { cancelReason: 'by hand', cancelAmount: 60_000 }, headers: { authorization } });
  assert.equal(byHand.status, 200, byHand.text);
  await giveBack(order, 70);
  assert.deepEqual(await cancelsOf(order), ['PARTIAL_CANCELED', 46_200, [60_000, 47_800]]);
});

// Toss compares the key and not the amount: under the first refund's key, the second would move nothing.
test('by Toss: two parts of the same sum go back, each once, and then the rest', async () => {
  const order = await paidByToss();
  await refundInParts(order, async () => 154_000 - (await cancelsOf(order))[1]);
});

// A window that offers what we disabled: an account for a transfer, and a 200 for the confirm.
async function transferred(...faults) {
  const order = await make('toss');
  const url = new URL(order.payment.checkout_url);
  assert.deepEqual([url.searchParams.get('method'), url.searchParams.get('orderName')], ['CARD', '갈라 & 친구들']);
  url.searchParams.delete('method');
  for (const fault of faults) await sandbox.fault(fault);
  await agreeAt(url, { pay_by: 'transfer' });
  return order;
}

test('by Toss: a virtual account is not money; the seats go back, and the account is closed', async () => {
  const order = await transferred();
  const end = await world.untilStatus(buyer, order.order, 'failed', 'completed');
  assert.deepEqual([end.status, end.reason], ['failed', 'virtual-account']);
  assert.match(end.message, /가상계좌/);
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'gone');
  assert.equal(world.postgres.sql(`SELECT count(*) FROM pay.ticket WHERE order_id = '${order.order}'`, 'pay'), '0');
  await closed(order.order);
});

// No account at the bank waits for this order's money: none was opened, or it is closed.
const closed = async (order) => {
  assertStatus(await sandbox.control('toss/deposit', { orderId: order }), 409);
};

// Toss shows nothing before the confirm, so only its answer reveals that the buyer chose an account.
test('by Toss: an account that a confirm has opened is closed again', async () => {
  const order = await transferred('toss_get:error=404*6');
  const end = await world.untilStatus(buyer, order.order, 'failed', 'completed');
  assert.deepEqual([end.status, end.reason], ['failed', 'virtual-account']);
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'gone');
  await sandbox.admin.delete('/control/faults');
  assert.equal((await tossPayment(order.order)).status, 'CANCELED');
  await closed(order.order);
});

test('by Toss: a deposit that is quicker than the closing of its account is a payment', async () => {
  const order = await transferred('toss_get:error=404*6', 'toss_cancel:error=500*20');
  await until('the account', async () => (await sandbox.control('toss/deposit', { orderId: order.order })).status === 200);
  await sandbox.admin.delete('/control/faults');
  await world.untilStatus(buyer, order.order, 'completed');
  assert.equal((await tossPayment(order.order)).status, 'DONE');
});

const stepsOf = async (order) => (await buyer.read(order)).timeline.map(({ step }) => step);
const looksAt = async (order) => (await stepsOf(order)).filter((step) => step === 'await_buyer').length;
const returnTo = (order, search) => `/pay/orders/${order}?${new URLSearchParams(search)}`;
const keyOf = (order) => world.postgres.sql(`SELECT data::jsonb->>'payment_key' FROM pay.saga WHERE subject = '${order}'`, 'pay');

test('by Toss: parameters of the return URL do not count as a payment', async () => {
  const paid = await make('toss');
  const { paymentKey } = Object.fromEntries(await agreeAt(paid.payment.checkout_url));
  await world.untilStatus(buyer, paid.order, 'completed');
  const order = await make('toss');
  const page = (search) => buyer.get(returnTo(order.order, search));
  const good = { paymentKey, orderId: order.order, amount: '154000' };
  await page({ ...good, amount: '1' });
  await page({ ...good, orderId: paid.order });
  await page({ ...good, paymentKey: '../x' });
  assert.equal(keyOf(order.order), '');
  await page(good);
  assert.equal(keyOf(order.order), paymentKey);
  await until('a look', async () => await looksAt(order.order) > 1);
  assert.equal((await buyer.read(order.order)).status, 'pending_payment');
  await agreeAt(order.payment.checkout_url);
  await world.untilStatus(buyer, order.order, 'completed');
});

test('by Toss: a buyer who comes back without the cookie has paid', async () => {
  const order = await make('toss');
  const { pathname, search } = await agree(order.payment.checkout_url);
  const page = assertStatus(await world.visitor().get(pathname + search), 401);
  assert.ok(page.text.includes(`/pay/checkout?back=/pay/orders/${order.order}"`), page.text);
  await world.untilStatus(buyer, order.order, 'completed');
  assert.match((await buyer.get(`/pay/orders/${order.order}`)).text, /data-status="completed"/);
});

test('by Toss: a stranger stores one key of an open order, and none of a paid one', async () => {
  const [paid, other] = [await paidByToss(), await paidByToss()];
  const order = await make('toss');
  const stranger = world.visitor();
  const bring = async (search, id = order.order) => {
    const { status, text } = await stranger.get(returnTo(id, search));
    assert.equal(status, 401, text);
  };
  const one = { paymentKey: keyOf(paid), orderId: order.order, amount: '154000' };
  await bring({ ...one, paymentKey: keyOf(other), orderId: paid }, paid);
  assert.equal(keyOf(paid), one.paymentKey);
  await bring({ ...one, orderId: 'o_nobodys' }, 'o_nobodys');
  for (const wrong of [{ amount: '1' }, { orderId: paid }, { paymentKey: '../x' }, { paymentKey: 'k'.repeat(201) }]) await bring({ ...one, ...wrong });
  assert.equal(keyOf(order.order), '');
  await bring({ ...one, paymentKey: 'k'.repeat(200) });
  assert.equal(keyOf(order.order).length, 200);
  await bring(one);
  assert.equal(keyOf(order.order), keyOf(paid));
  await bring({ ...one, paymentKey: keyOf(other) });
  assert.equal(keyOf(order.order), keyOf(other));
  await cancel(order.order);
});

const untilChecked = (order) => until('the provider to be asked', async () => {
  const { status, reason } = await buyer.read(order);
  assert.equal(status, 'pending_payment');
  return reason === 'checking-payment' && await looksAt(order) > 2;
});
const checkOf = (order) => ['none', 'asked', 'refused', 'proved'][world.postgres.sql(`SELECT coalesce(data::jsonb->>'check', '0') FROM pay.saga WHERE subject = '${order}'`, 'pay')];
const invented = (order, key = 'tpk_invented') => ({ paymentKey: key, orderId: order, amount: '154000' });

test('by Toss: an invented key sells no seat, and the buyer may cancel', async () => {
  const { order, visit } = await make('toss');
  await buyer.get(returnTo(order, invented(order)));
  await untilChecked(order);
  const page = (await buyer.get(`/pay/orders/${order}?lang=en`)).text;
  assert.match(page, /We are checking your payment/);
  assert.match(page, /id="pay-link"/, 'who has not paid still can');
  assert.match(page, /Pay by<\/dt><dd><span[^>]*>[A-Z][a-z]+day, /);
  assert.equal(world.seats.holds.get(visit.hold).state, 'paying');
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/cancel`)).status, 202);
  assert.equal((await world.untilStatus(buyer, order, 'cancelled')).reason, 'cancelled');
  await until('the seats to be free', () => world.seats.holds.get(visit.hold).state === 'gone');
  await until('its end', async () => (await buyer.read(order)).settled);
  assert.ok(!(await stepsOf(order)).includes('confirm_seats'));
});

test('by Toss: an invented key holds the seats until the hold ends', async () => {
  const { order, visit } = await make('toss');
  await buyer.get(returnTo(order, invented(order)));
  await untilChecked(order);
  await until('the end of the hold', async () => { // a concurrent step may write the old end again
    world.postgres.sql(`UPDATE pay.saga SET data = jsonb_set(data::jsonb, '{expires_ms}', '1')::text, due_at = now() WHERE subject = '${order}' AND NOT leased`, 'pay');
    return (await buyer.read(order)).status === 'expired';
  });
  await until('its end', async () => (await buyer.read(order)).settled);
  assert.ok(!(await stepsOf(order)).includes('confirm_seats'));
  assert.equal(world.seats.holds.get(visit.hold).state, 'gone');
});

test('by Toss: the buyer\'s key takes the place of an invented one', async () => {
  const { order, payment } = await make('toss');
  await world.visitor().get(returnTo(order, invented(order)));
  await untilChecked(order);
  await sandbox.fault('toss_get:error=404*20');
  await agreeAt(payment.checkout_url);
  const end = await world.untilStatus(buyer, order, 'completed');
  assert.equal(end.reason, undefined);
  await sandbox.admin.delete('/control/faults');
  assert.equal((await tossPayment(order)).status, 'DONE');
});

test('by Toss: a card that refuses unseen leaves the order to be paid with another', async () => {
  const { order, payment, visit } = await make('toss');
  await sandbox.fault('toss_get:error=404*6');
  await agreeAt(payment.checkout_url, { number: '4000000000000002' });
  await until('the refusal', () => checkOf(order) === 'refused');
  const { status, reason } = await buyer.read(order);
  assert.deepEqual([status, reason], ['pending_payment', undefined]);
  await sandbox.admin.delete('/control/faults');
  assert.equal(world.seats.holds.get(visit.hold).state, 'paying');
  await agreeAt(payment.checkout_url);
  await world.untilStatus(buyer, order, 'completed');
});

for (const other of ['', ', and another key comes,']) test(`by Toss: a cancel while the confirm has no answer${other} gives back what it took`, async () => {
  const { order, payment } = await make('toss');
  await sandbox.fault('toss_get:error=404*1000');
  await sandbox.fault('toss_confirm:error_after=500');
  await agreeAt(payment.checkout_url);
  await until('a confirm without an answer', async () => (await buyer.read(order)).timeline.some(({ step, result }) => step === 'await_buyer' && result === 'unknown'));
  if (other) {
    await world.visitor().get(returnTo(order, invented(order)));
    const looks = async () => (await buyer.read(order)).timeline.length;
    const before = await looks();
    await until('the next look', async () => (await looks()) > before);
  }
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/cancel`)).status, 202);
  await world.untilStatus(buyer, order, 'cancelled');
  await sandbox.admin.delete('/control/faults');
  await until('its end', async () => (await buyer.read(order)).settled);
  const { status, cancels } = await tossPayment(order);
  assert.deepEqual([status, cancels.length], ['CANCELED', 1]);
});

test('by Toss: a cancel while the confirm is on its way lets it take nothing later', async () => {
  const { order, payment } = await make('toss');
  const faults = async (...list) => {
    await sandbox.admin.delete('/control/faults');
    for (const fault of list) await sandbox.fault(fault);
  };
  const looks = async () => (await buyer.read(order)).timeline.length;
  await faults('toss_get:error=404*1000', 'toss_confirm:error=500*1000');
  await agreeAt(payment.checkout_url);
  await until('a confirm without an answer', () => checkOf(order) === 'asked');
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/cancel`)).status, 202);
  const before = await looks();
  await until('a look at what cannot be seen', async () => await looks() > before);
  await faults('toss_confirm:error=500'); // from here on Toss shows it, not confirmed
  await until('its end', async () => (await buyer.read(order)).settled);
  const { status, cancels } = await tossPayment(order);
  assert.deepEqual([status, cancels.length], ['CANCELED', 1]);
});

test('by Toss: a hint that nobody signed moves nothing by itself', async () => {
  const order = await make('toss');
  const body = { eventType: 'PAYMENT_STATUS_CHANGED', createdAt: new Date().toISOString(), data: { orderId: order.order, status: 'DONE', totalAmount: 154000 } };
  assert.equal((await world.pay.http.post('/v1/pay/webhooks/toss', { body })).status, 204);
  await until('a look', async () => await looksAt(order.order) > 0);
  assert.equal((await buyer.read(order.order)).status, 'pending_payment');
  await cancel(order.order);
});

const tossFaults = [
  'toss_confirm:lost',
  'toss_confirm:cut',
  'toss_confirm:error_after=500',
  'toss_confirm:error=400*2', // "try again in a few minutes"
  'toss_confirm:error=401*2', // another account's key
  'toss_confirm:error=403*2',
  'toss_confirm:error=404*2',
  'toss_get:error=500*2',
  'toss_get:error=401*2',
  'toss_get:error=404*6', // it never shows a payment before its confirm
  'toss_cancel:lost',
  'toss_cancel:error=400',
];
for (const fault of tossFaults) {
  test(`by Toss, with ${fault}: paid once, refunded once`, async () => {
    const order = await make('toss');
    await sandbox.fault(fault);
    await agreeAt(order.payment.checkout_url);
    await world.untilStatus(buyer, order.order, 'completed');
    await refund(order.order);
    await sandbox.admin.delete('/control/faults');
    const paid = await tossPayment(order.order);
    assert.equal(paid.status, 'CANCELED');
    assert.equal(paid.cancels.length, 1);
  });
}

test('by Toss: a card that refuses at the confirm gives the seats back', async () => {
  const order = await make('toss');
  await agreeAt(order.payment.checkout_url, { number: '4000000000000002' });
  const end = await until('an end', async () => {
    const { json } = await buyer.get(`/v1/pay/orders/${order.order}`);
    return json.status !== 'confirming' && json;
  });
  assert.ok(['failed', 'pending_payment'].includes(end.status), end.status);
  if (end.status === 'pending_payment') await buyer.post(`/v1/pay/orders/${order.order}/cancel`);
  await until('the seats to be free', () => world.seats.holds.get(order.visit.hold).state === 'gone');
});

test('reconciliation reads Toss\'s transactions, onward from where it stood, and sees what was done behind our back', async () => {
  const orders = [await paidByToss(), await paidByToss()];
  assert.deepEqual(await reconciled(), []);
  const kept = world.postgres.sql("SELECT count(*) FROM pay.psp_payment WHERE provider = 'toss' AND captured = 154000", 'pay');
  assert.ok(Number(kept) >= 2);
  const cursor = () => world.postgres.sql("SELECT event FROM pay.reconcile_cursor WHERE provider = 'toss'", 'pay');
  const stood = cursor();
  assert.match(stood, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\/txn_/);
  // A refund made at the provider.
  const { paymentKey } = await tossPayment(orders[0]);
  const answer = await sandbox.http.post(`/v1/payments/${paymentKey}/cancel`, { body: { cancelReason: 'by hand' }, headers: { authorization } });
  assert.equal(answer.status, 200);
  // An order of ours is completed that Toss does not know.
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

test('by Toss: an address brings a bounded number of keys, and a page that is refused loads itself again', async () => {
  const stranger = world.visitor();
  let host = 0; // of one IPv6 network, which counts as one address
  const bring = () => stranger.get(returnTo('o_nobodys', { paymentKey: 'one', orderId: 'o_nobodys', amount: '1' }), { 'x-forwarded-for': `2001:db8::${(host += 1).toString(16)}` });
  const refused = await until('a refusal', async () => (await Promise.all(Array.from({ length: 50 }, bring))).find(({ status }) => status === 429));
  assert.match(refused.text, /http-equiv="refresh"/);
  assert.equal((await stranger.get('/pay/orders/o_nobodys')).status, 401, 'a page without a key is not counted');
  await until('the next second', async () => (await bring()).status === 401);
});
