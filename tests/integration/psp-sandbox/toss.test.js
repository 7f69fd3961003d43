// The subset of Toss Payments: window, confirm, read, cancel, and webhooks that prove nothing.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { KEY, openReceiver, startSandbox } from './sandbox.js';

const scope = openScope(test);
const authorization = `Basic ${Buffer.from(`${KEY}:`).toString('base64')}`;
let orders = 0;
const receiver = await openReceiver(scope);
const sandbox = await startSandbox(scope, { toss: receiver.url });

const post = (path, body, headers = {}) =>
  sandbox.http.post(path, { body, headers: { authorization, ...headers } });
const get = (path) => sandbox.http.get(path, { headers: { authorization } });

const windowFields = (orderId, amount) => ({
  orderId,
  amount: String(amount),
  orderName: 'R석 2매',
  successUrl: 'http://shop.test/toss/ok?keep=1',
  failUrl: 'http://shop.test/toss/no',
});

// The buyer agrees with a card. Returns {paymentKey, orderId, amount} from the browser's address.
async function agree({ number = '4242424242424242', amount = 50_000, orderId } = {}) {
  const id = orderId ?? `order-${(orders += 1)}`;
  const form = sandbox.form({ ...windowFields(id, amount), number });
  const answer = assertStatus(await sandbox.http.post('/toss/pay', form), 303);
  const back = new URL(answer.headers.location);
  assert.equal(back.searchParams.get('keep'), '1');
  assert.equal(back.searchParams.get('paymentType'), 'NORMAL');
  return {
    paymentKey: back.searchParams.get('paymentKey'),
    orderId: back.searchParams.get('orderId'),
    amount: Number(back.searchParams.get('amount')),
  };
}

test('another amount or another order than the buyer saw is refused', async () => {
  const agreed = await agree();
  for (const wrong of [{ amount: 1 }, { orderId: 'order-other' }]) {
    const answer = assertStatus(await post('/v1/payments/confirm', { ...agreed, ...wrong }), 400);
    assert.equal(answer.json.code, 'INVALID_REQUEST');
  }
  assert.equal((await post('/v1/payments/confirm', agreed)).status, 200);
  const twice = assertStatus(await post('/v1/payments/confirm', agreed), 400);
  assert.equal(twice.json.code, 'ALREADY_PROCESSED_PAYMENT');
});

test('an order is paid once, however many windows were open', async () => {
  const one = await agree({ orderId: 'order-many-windows' });
  const two = await agree({ orderId: 'order-many-windows' });
  assert.equal((await post('/v1/payments/confirm', one)).status, 200);
  const second = await post('/v1/payments/confirm', two);
  assert.equal(second.json.code, 'DUPLICATED_ORDER_ID');
  const read = await get('/v1/payments/orders/order-many-windows');
  assert.equal(read.json.paymentKey, one.paymentKey); // the paid one, not the newest
});

test('cancels in part and in whole, never more than is left', async () => {
  const agreed = await agree();
  const path = `/v1/payments/${agreed.paymentKey}/cancel`;
  assert.equal((await post(path, { cancelReason: 'early' })).json.code, 'NOT_CANCELABLE_PAYMENT');
  await post('/v1/payments/confirm', agreed);
  const part = await post(path, { cancelReason: '한 매 취소', cancelAmount: 20_000 });
  assert.equal(part.json.status, 'PARTIAL_CANCELED');
  assert.equal(part.json.balanceAmount, 30_000);
  const much = assertStatus(await post(path, { cancelReason: 'x', cancelAmount: 30_001 }), 403);
  assert.equal(much.json.code, 'NOT_CANCELABLE_AMOUNT');
  const stale = await post(path, { cancelReason: 'x', cancelAmount: 10_000, refundableAmount: 50_000 });
  assert.deepEqual([stale.status, stale.json.code], [400, 'NOT_MATCHES_REFUNDABLE_AMOUNT']);
  const rest = await post(path, { cancelReason: 'rest' });
  assert.equal(rest.json.status, 'CANCELED');
  assert.deepEqual(
    rest.json.cancels.map((cancel) => [cancel.cancelAmount, cancel.cancelReason, cancel.refundableAmount]),
    [
      [20_000, '한 매 취소', 30_000],
      [30_000, 'rest', 0],
    ],
  );
  assert.equal((await post(path, { cancelReason: 'again' })).json.code, 'ALREADY_CANCELED_PAYMENT');
});

test('the idempotency key gives the first answer again', async () => {
  const agreed = await agree();
  const key = { 'idempotency-key': `confirm-${agreed.orderId}` };
  const one = await post('/v1/payments/confirm', agreed, key);
  const two = assertStatus(await post('/v1/payments/confirm', agreed, key), 200);
  assert.equal(two.headers['idempotent-replayed'], 'true');
  assert.deepEqual(two.json, one.json);
  const other = await post('/v1/payments/confirm', { ...(await agree()), amount: 1 }, key);
  assert.deepEqual(other.json, one.json, 'no body is compared');
  const elsewhere = await post(`/v1/payments/${agreed.paymentKey}/cancel`, { cancelReason: 'x' }, key);
  assert.equal(elsewhere.json.status, 'CANCELED', 'the key of another path');
});

test('webhooks carry no signature and say what reading says', async () => {
  const agreed = await agree();
  await post('/v1/payments/confirm', agreed);
  const mine = (got) => got.filter((d) => d.json.data?.paymentKey === agreed.paymentKey);
  await until('the webhook', () => mine(receiver.got).length === 1);
  const [hint] = mine(receiver.got);
  assert.equal(hint.json.eventType, 'PAYMENT_STATUS_CHANGED');
  assert.equal(hint.headers['stripe-signature'], undefined);
  const read = await get(`/v1/payments/${agreed.paymentKey}`);
  assert.deepEqual(hint.json.data, read.json);
});

test('transactions are listed in order, page by page, each cancel by itself', async () => {
  const kst = (at) => new Date(at + 9 * 3600_000).toISOString().slice(0, 19);
  const began = Date.now() - 1000;
  const page = (more = '') => get(`/v1/transactions?startDate=${kst(began)}&endDate=${kst(Date.now() + 60_000)}${more}`);
  const agreed = [await agree(), await agree({ number: '4000000000009995' }), await agree()];
  for (const one of agreed) await post('/v1/payments/confirm', one);
  await post(`/v1/payments/${agreed[0].paymentKey}/cancel`, { cancelReason: 'x', cancelAmount: 20_000 });
  await post(`/v1/payments/${agreed[0].paymentKey}/cancel`, { cancelReason: 'rest' });
  const mine = new Set(agreed.map(({ orderId }) => orderId));
  const all = (await page()).json;
  const listed = all.filter(({ orderId }) => mine.has(orderId));
  assert.deepEqual(
    listed.map(({ orderId, status, amount }) => [orderId, status, amount]),
    [
      [agreed[0].orderId, 'DONE', 50_000],
      [agreed[2].orderId, 'DONE', 50_000],
      [agreed[0].orderId, 'PARTIAL_CANCELED', 20_000],
      [agreed[0].orderId, 'CANCELED', 30_000],
    ],
  );
  assert.match(listed[0].transactionAt, /\+09:00$/);
  const { json: payment } = await get(`/v1/payments/${agreed[0].paymentKey}`);
  assert.equal(payment.lastTransactionKey, listed[3].transactionKey);
  assert.deepEqual(payment.cancels.map(({ transactionKey }) => transactionKey), listed.slice(2).map(({ transactionKey }) => transactionKey));
  const paged = [];
  for (let after = ''; ;) {
    const { json } = await page(`&limit=2${after}`);
    paged.push(...json);
    if (json.length < 2) break;
    after = `&startingAfter=${json.at(-1).transactionKey}`;
  }
  assert.deepEqual(paged, all);
  assert.deepEqual((await get(`/v1/transactions?startDate=${kst(0)}&endDate=${kst(began - 3600_000)}`)).json, []);
  for (const [query, code] of [
    ['', 'INVALID_DATE'],
    [`?startDate=${kst(began)}&endDate=tomorrow`, 'INVALID_DATE'],
    [`?startDate=${kst(began)}&endDate=${kst(Date.now())}&startingAfter=txn_nothing`, 'INVALID_TRANSACTION_KEY'],
    [`?startDate=${kst(began)}&endDate=${kst(Date.now())}&limit=5001`, 'INVALID_REQUEST'],
  ])
    assert.equal((await get(`/v1/transactions${query}`)).json.code, code, query);
});

test('unauthorized and invalid calls get the errors of Toss', async () => {
  const agreed = await agree();
  const naked = assertStatus(await sandbox.http.post('/v1/payments/confirm', { body: agreed }), 401);
  assert.equal(naked.json.code, 'UNAUTHORIZED_KEY');
  assertStatus(await sandbox.http.post('/v1/payments/confirm', { body: agreed, token: KEY }), 401);
  assert.equal((await get('/v1/payments/tpk_nothing')).json.code, 'NOT_FOUND_PAYMENT');
  assert.equal((await get('/v1/payments/orders/nothing')).status, 404);
  for (const body of ['', '[]', '{', '{"paymentKey":1}', '{"paymentKey":"a","orderId":"abcdef","amount":"5"}']) {
    const answer = await post('/v1/payments/confirm', body, { 'content-type': 'application/json' });
    assert.equal(answer.status, 400, body);
    assert.equal(answer.json.code, 'INVALID_REQUEST');
  }
});

test('the window shows the order, can be left, and returns to listed addresses only', async () => {
  const query = new URLSearchParams(windowFields('order-window', 50_000));
  const page = assertStatus(await sandbox.http.get(`/toss/pay?${query}&lang=ko`), 200);
  assert.match(page.text, /R석 2매/);
  assert.match(page.text, /50,000원/);
  const left = await sandbox.http.post(
    '/toss/pay',
    sandbox.form({ ...windowFields('order-window', 50_000), decision: 'cancel' }),
  );
  const back = new URL(left.headers.location);
  assert.equal(back.pathname, '/toss/no');
  assert.equal(back.searchParams.get('code'), 'PAY_PROCESS_CANCELED');
  query.set('successUrl', 'http://evil.test/');
  assert.equal((await sandbox.http.get(`/toss/pay?${query}`)).status, 400);
});

test('an agreement that nobody confirms runs out, also over a restart', async () => {
  const agreed = await agree();
  await sandbox.kill();
  await sandbox.start();
  assert.equal((await get(`/v1/payments/${agreed.paymentKey}`)).json.status, 'IN_PROGRESS');
  await sandbox.control('clock', { advance_s: 601 });
  assert.equal((await get(`/v1/payments/${agreed.paymentKey}`)).json.status, 'EXPIRED');
  const late = assertStatus(await post('/v1/payments/confirm', agreed), 404);
  assert.equal(late.json.code, 'NOT_FOUND_PAYMENT_SESSION');
  const { toss } = await sandbox.ledger();
  assert.ok(toss.confirms > 0);
  assert.ok(toss.refunded <= toss.captured);
});
