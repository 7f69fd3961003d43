// The sandbox, tested with Stripe's unmodified official client.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { errorOf, HELD, startSandbox } from './sandbox.js';

const scope = openScope(test);
const sandbox = await startSandbox(scope);
const stripe = sandbox.stripe();

test('each kind of failure is the class of error that the client promises', async () => {
  const cases = [
    [{ amount: 'x', currency: 'krw' }, 'StripeInvalidRequestError', 'parameter_invalid_integer', 'amount'],
    [{ amount: 10.5, currency: 'krw' }, 'StripeInvalidRequestError', 'parameter_invalid_integer', 'amount'],
    [{ amount: -1, currency: 'krw' }, 'StripeInvalidRequestError', 'parameter_invalid_integer', 'amount'],
    [{ amount: 0, currency: 'krw' }, 'StripeInvalidRequestError', 'amount_too_small', 'amount'],
    [{ amount: 100_000_000, currency: 'krw' }, 'StripeInvalidRequestError', 'amount_too_large', 'amount'],
    [{ currency: 'krw' }, 'StripeInvalidRequestError', 'parameter_missing', 'amount'],
    [{ amount: 1, currency: 'xyz' }, 'StripeInvalidRequestError', undefined, 'currency'],
    [{ amount: 1, currency: 'krw', typo: 1 }, 'StripeInvalidRequestError', 'parameter_unknown', 'typo'],
    [{ amount: 1, currency: 'krw', payment_method: 'pm_nobody' }, 'StripeInvalidRequestError', 'resource_missing', 'payment_method'],
    [{ amount: 1, currency: 'krw', payment_method_data: { type: 'card' } }, 'StripeInvalidRequestError', 'parameter_unknown', 'payment_method_data[type]'],
    [{ ...HELD, payment_method: 'pm_card_chargeDeclined' }, 'StripeCardError', 'card_declined', undefined],
    [{ ...HELD, payment_method: 'pm_card_chargeDeclinedExpiredCard' }, 'StripeCardError', 'expired_card', undefined],
  ];
  for (const [params, type, code, param] of cases) {
    const error = await errorOf(stripe.paymentIntents.create(params));
    assert.equal(error.type, type, JSON.stringify(params));
    assert.equal(error.code, code, JSON.stringify(params));
    assert.equal(error.param, param, JSON.stringify(params));
    assert.match(error.requestId, /^req_/);
  }
  const none = await errorOf(stripe.paymentIntents.retrieve('pi_000000000000000000000000'));
  assert.equal(none.statusCode, 404);
  assert.equal(none.code, 'resource_missing');
  const stranger = sandbox.stripe({ key: 'sk_test_wrong' });
  assert.equal((await errorOf(stripe.charges.retrieve('ch_x'))).type, 'StripeInvalidRequestError');
  assert.equal((await errorOf(stranger.events.list())).type, 'StripeAuthenticationError');
});

test('a call in the wrong state is refused with the payment inside the error', async () => {
  const made = await stripe.paymentIntents.create({ ...HELD, confirm: false, payment_method: undefined });
  const early = await errorOf(stripe.paymentIntents.capture(made.id));
  assert.equal(early.code, 'payment_intent_unexpected_state');
  assert.equal(early.payment_intent.status, 'requires_payment_method');
  const bare = await errorOf(stripe.paymentIntents.confirm(made.id));
  assert.match(bare.message, /missing a payment method/);
  await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_visa' });
  const much = await errorOf(stripe.paymentIntents.capture(made.id, { amount_to_capture: 132_001 }));
  assert.equal(much.code, 'amount_too_large');
  const soon = await errorOf(stripe.refunds.create({ payment_intent: made.id }));
  assert.equal(soon.statusCode, 400);
  const gone = await stripe.paymentIntents.cancel(made.id, { cancellation_reason: 'abandoned' });
  assert.equal(gone.status, 'canceled');
  assert.equal(gone.cancellation_reason, 'abandoned');
  assert.equal(gone.amount_capturable, 0);
  const late = await errorOf(stripe.paymentIntents.capture(made.id));
  assert.equal(late.payment_intent.status, 'canceled');
  const twice = await errorOf(stripe.paymentIntents.cancel(made.id));
  assert.equal(twice.code, 'payment_intent_unexpected_state');
});

test('expanding what cannot be expanded is an error', async () => {
  const error = await errorOf(stripe.paymentIntents.list({ expand: ['data.customer'] }));
  assert.match(error.message, /cannot be expanded/);
  const { data } = await stripe.paymentIntents.list({ limit: 1, expand: ['data.latest_charge'] });
  assert.equal(data.length, 1);
});

test('the same key gives the first answer, and other parameters are refused', async () => {
  const options = { idempotencyKey: 'order-7:create' };
  const one = await stripe.paymentIntents.create(HELD, options);
  assert.equal(one.lastResponse.headers['idempotent-replayed'], undefined);
  const two = await stripe.paymentIntents.create(HELD, options);
  assert.equal(two.id, one.id);
  assert.equal(two.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(two.lastResponse.headers['idempotency-key'], 'order-7:create');
  const other = await errorOf(stripe.paymentIntents.create({ ...HELD, amount: 1 }, options));
  assert.equal(other.type, 'StripeIdempotencyError');
  assert.equal(other.statusCode, 400);
  const route = await errorOf(stripe.paymentIntents.capture(one.id, {}, options));
  assert.equal(route.type, 'StripeIdempotencyError');
  const corrected = { idempotencyKey: 'order-7:corrected' }; // an invalid parameter leaves the key unused
  await errorOf(stripe.paymentIntents.create({ ...HELD, amount: 'x' }, corrected));
  assert.equal((await stripe.paymentIntents.create(HELD, corrected)).status, 'requires_capture');
});

test('a declined card is kept under its key, and so is a refusal by state', async () => {
  const options = { idempotencyKey: 'declined-1' };
  const params = { ...HELD, payment_method: 'pm_card_chargeDeclined' };
  const one = await errorOf(stripe.paymentIntents.create(params, options));
  const two = await errorOf(stripe.paymentIntents.create(params, options));
  assert.equal(two.payment_intent.id, one.payment_intent.id);
  assert.equal(two.headers['idempotent-replayed'], 'true');

  const made = await stripe.paymentIntents.create({ amount: 5, currency: 'krw' });
  const early = { idempotencyKey: 'early-capture' };
  await errorOf(stripe.paymentIntents.capture(made.id, {}, early));
  const again = await errorOf(stripe.paymentIntents.capture(made.id, {}, early));
  assert.equal(again.headers['idempotent-replayed'], 'true');
});

test('of two concurrent calls with one key, one gets a conflict', async () => {
  await sandbox.fault('create:delay=4000');
  const slow = stripe.paymentIntents.create(HELD, { idempotencyKey: 'at-once' });
  await until('the first call to be under way', async () => {
    return (await sandbox.admin.get('/control/faults')).json.faults.length === 0;
  });
  const error = await errorOf(stripe.paymentIntents.create(HELD, { idempotencyKey: 'at-once' }));
  assert.equal(error.statusCode, 409);
  assert.equal(error.code, 'idempotency_key_in_use');
  assert.equal(error.type, 'StripeAPIError'); // the client's name for a 409
  assert.equal((await slow).status, 'requires_capture');
});

test('garbage is answered, never crashed on', async () => {
  const post = (body, headers = {}) =>
    sandbox.http.post('/v1/payment_intents', {
      token: 'sk_test_black_box',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
    });
  const bodies = ['amount', 'amount=1', '=&=&=', '[a]=1', 'a[', 'amount=%', '%00=1', 'metadata[a][b]=1', `metadata[${'k'.repeat(41)}]=1`];
  const names = ['metadata[k', 'metadata]k', 'metadata[[k]]', 'metadata[k]k', 'metadata[k]=1&metadata%5Bk%5D', 'metadata[%ff]'].map((name) => `${name}=1`);
  const values = ['%2', '%zz', '%00', '%ff', '%c0%80', '%ed%a0%80', '%e2%82'].map((value) => `metadata[k]=${value}`);
  for (const body of [...bodies, ...names, ...values]) {
    const answer = await post(`amount=1&currency=krw&${body}`);
    assert.equal(answer.status, 400, body);
    assert.equal(answer.json.error.type, 'invalid_request_error');
  }
  assert.equal((await post('x', { 'idempotency-key': 'k'.repeat(256) })).status, 400);
  assert.equal((await post('a'.repeat(100_000))).status, 413);
  assert.equal((await sandbox.http.get('/v1/nothing', { token: 'sk_test_black_box' })).status, 404);
  const basic = Buffer.from('sk_test_black_box:').toString('base64');
  assertStatus(await sandbox.http.get('/v1/events?limit=1', { headers: { authorization: `Basic ${basic}` } }), 200);
});

test('the ledger adds up what the objects say', async () => {
  const paid = await stripe.paymentIntents.create({ ...HELD, metadata: { order: 'sum' } });
  await stripe.paymentIntents.capture(paid.id);
  await stripe.refunds.create({ payment_intent: paid.id, amount: 32_000 });
  assert.equal((await errorOf(stripe.refunds.create({ payment_intent: paid.id, amount: 100_001 }))).code, 'amount_too_large');
  await stripe.paymentIntents.create({ ...HELD, metadata: { order: 'sum' } });
  const ledger = await sandbox.ledger('order');
  const row = ledger.rows.find(({ value }) => value === 'sum');
  assert.deepEqual(row, {
    value: 'sum',
    intents: 2,
    captures: 1,
    authorized: 132_000,
    captured: 132_000,
    refunded: 32_000,
  });
  const sums = { authorized: 0, captured: 0 };
  for await (const intent of stripe.paymentIntents.list({ limit: 100 })) {
    if (intent.currency !== 'krw') continue;
    sums.authorized += intent.amount_capturable;
    sums.captured += intent.amount_received;
  }
  assert.equal(ledger.currencies.krw.authorized, sums.authorized);
  assert.equal(ledger.currencies.krw.captured, sums.captured);
});

const PAGE = {
  mode: 'payment',
  client_reference_id: 'o-7',
  metadata: { order: 'o-7' },
  payment_intent_data: { capture_method: 'manual', metadata: { order: 'o-7', note: 'a & b' } },
  payment_method_types: ['card'],
  line_items: [{ quantity: 2, price_data: { currency: 'krw', unit_amount: 66_000, product_data: { name: '갈라 <2>' } } }],
  success_url: 'http://tickets.test/done?session={CHECKOUT_SESSION_ID}',
  cancel_url: 'http://tickets.test/back',
  locale: 'ko',
};
const submit = (session, number = '4242 4242 4242 4242') =>
  sandbox.http.post(new URL(session.url).pathname, sandbox.form({ number, exp: '12/34', cvc: '123' }));

// payment-adapter/psp.test.js pays at the page, captures and lists.
test('an intent of a session is confirmed by its page alone, and cancelled by its end alone', async () => {
  const made = await stripe.checkout.sessions.create(PAGE);
  assert.equal((await submit(made, '4000 0000 0000 0002')).status, 402);
  const { payment_intent: intent } = await stripe.checkout.sessions.retrieve(made.id);
  for (const call of [stripe.paymentIntents.cancel(intent), stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_visa' })])
    assert.match((await errorOf(call)).message, /created by a Checkout Session/);
  assertStatus(await submit(made), 303);
  const held = await stripe.checkout.sessions.retrieve(made.id, { expand: ['payment_intent.latest_charge'] });
  assert.deepEqual([held.status, held.payment_status, held.url], ['complete', 'unpaid', null]);
  assert.equal(held.payment_intent.id, intent); // of the same payment
  assert.equal(held.payment_intent.latest_charge.amount, 132_000);
});

test('a session is expired once, with the intent that it has made, and by itself when its time is over', async () => {
  const [bare, begun, left] = [await stripe.checkout.sessions.create(PAGE), await stripe.checkout.sessions.create(PAGE),
    await stripe.checkout.sessions.create({ ...PAGE, expires_at: Math.floor(Date.now() / 1000) + 1900 })];
  await submit(begun, '4000 0025 0000 3155');
  const ended = await stripe.checkout.sessions.expire(bare.id);
  assert.deepEqual([ended.status, ended.payment_intent, ended.url], ['expired', null, null]);
  const again = await errorOf(stripe.checkout.sessions.expire(bare.id));
  assert.equal(again.statusCode, 400);
  assert.match(again.message, /status of `expired`/);
  assert.equal((await submit(bare)).status, 410);
  const whole = await stripe.checkout.sessions.expire(begun.id, { expand: ['payment_intent'] });
  assert.deepEqual([whole.payment_intent.status, whole.payment_intent.cancellation_reason], ['canceled', 'expired']);
  assert.equal((await errorOf(stripe.checkout.sessions.expire('cs_test_nobody'))).statusCode, 404);
  await sandbox.control('clock', { advance_s: '2000' });
  await until('the time to be over', async () => (await stripe.checkout.sessions.retrieve(left.id)).status === 'expired');
  const told = (await stripe.events.list({ type: 'checkout.session.expired' })).data.map(({ data }) => data.object.id);
  assert.deepEqual(told.sort(), [bare.id, begun.id, left.id].sort());
  const expired = await stripe.checkout.sessions.list({ status: 'expired' });
  assert.equal(expired.data.length, 3);
});

test('a session is refused for what Stripe refuses, and made once under a key', async () => {
  const at = Math.floor(Date.now() / 1000) + 2000; // by the sandbox's clock
  const line = (change) => ({ line_items: [{ ...PAGE.line_items[0], ...change }] });
  const cases = [
    [{ ...PAGE, mode: 'subscription' }, 'mode'],
    [{ ...PAGE, success_url: undefined }, 'success_url'],
    [{ ...PAGE, success_url: 'ftp://x' }, 'success_url'],
    [{ ...PAGE, line_items: undefined }, 'line_items[0][quantity]'],
    [{ ...PAGE, ...line({ quantity: 0 }) }, 'line_items[0][quantity]'],
    [{ ...PAGE, ...line({ typo: 1 }) }, 'line_items[0][typo]'],
    [{ ...PAGE, payment_intent_data: { captur_method: 'manual' } }, 'payment_intent_data[captur_method]'],
    [{ ...PAGE, customer: 'cus_1' }, 'customer'],
    [{ ...PAGE, expires_at: at + 1000 }, 'expires_at'],
    [{ ...PAGE, expires_at: at + 24 * 3600 + 100 }, 'expires_at'],
    [{ ...PAGE, locale: 'xx' }, 'locale'],
    [{ ...PAGE, expand: ['line_items'] }, 'expand'],
  ];
  for (const [params, param] of cases) {
    const error = await errorOf(stripe.checkout.sessions.create(params));
    assert.equal(error.type, 'StripeInvalidRequestError', JSON.stringify(params));
    assert.equal(error.param, param, error.message);
  }
  const once = await stripe.checkout.sessions.create(PAGE, { idempotencyKey: 'page-1' });
  assert.equal((await stripe.checkout.sessions.create(PAGE, { idempotencyKey: 'page-1' })).id, once.id);
  const other = await errorOf(stripe.checkout.sessions.create({ ...PAGE, locale: 'en' }, { idempotencyKey: 'page-1' }));
  assert.equal(other.type, 'StripeIdempotencyError');
  // All of it survives a kill.
  await sandbox.kill();
  await sandbox.start();
  assert.equal((await sandbox.stripe().checkout.sessions.retrieve(once.id)).url, once.url);
});
