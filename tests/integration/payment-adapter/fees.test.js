// An event's fees and VAT: charged, shown, bound, refunded and compared as one sum with the prices, with the real seat
// service.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { hall } from '../seat-service/site.js';
import { openSite } from './lib/site.js';
import { assertLetter } from './lib/letters.js';

const scope = openScope(test);
const fees = { per_seat: 1000, per_order: 500, basis_points: 100 };
const terms = { limits: { orphan_rule: false }, area: 50, fees, vat_basis_points: 1000 };
const world = await openSite(scope, { halls: hall(terms), mail: {} });
const buyer = await world.login();

const PRICE = 99_000; // rows 6 to 10
// For two seats: 2,000, plus 500, plus one percent of 198,000.
const FEES = 4_480;
const AMOUNT = 2 * PRICE + FEES;
const VAT = 18_407; // a tenth on top: AMOUNT is eleven parts
const TERMS = 'vat_basis_points=1000;refund={"by": "buyer", "until": "2030-04-30T18:00:00.000Z", "percent": 100, "handed_on": false}';

async function buy(what, amount) {
  const held = await world.held(what);
  const made = assertStatus(await world.order(buyer, held), 201).json;
  assert.equal(made.amount, amount);
  assert.equal((await world.paymentOf(made.order)).amount, amount);
  return { held, order: await world.paid(buyer, made.order) };
}

const messageOf = (key) => until(`the shop to hear of ${key}`, () => world.shop.orders.get(key));

test('prices and fees are one sum: in the hold, to the provider, in the order, at the shop, and where all is compared', async () => {
  const { held, order } = await buy({ seats: ['r9s1', 'r9s2'] }, AMOUNT);
  assert.deepEqual([held.total, held.fees, held.vat, held.vat_basis_points], [2 * PRICE, FEES, VAT, 1000]);
  const info = (await world.site.admin.get('/admin/events/gala')).json;
  assert.deepEqual([info.fees, info.vat_basis_points], [fees, 1000]);
  assert.deepEqual([order.amount, order.fees, order.vat], [AMOUNT, FEES, VAT]);
  assert.equal(world.psp.of(order.order)[0].amount_received, AMOUNT);
  const { purchase } = (await world.site.private.get(`/internal/events/gala/holds/${held.hold}`, { token: world.secrets.read('service-token') })).json;
  assert.equal(purchase, order.purchase, 'the seat service has the same digest, fees and all');
  const [{ purchase: kept }] = world.postgres.rows(`SELECT purchase FROM pay.orders WHERE id = '${order.order}'`, 'pay');
  const line = { category: 'Back', price: PRICE, count: 1, fee: FEES / 2, vat_basis_points: 1000 };
  const lines = [{ place: 'r9s1', ...line, vat: 9204 }, { place: 'r9s2', ...line, vat: 9203 }];
  assert.deepEqual(kept, { version: 1, digest: purchase, event: 'gala', currency: 'KRW', lines, fees: FEES, vat: VAT, total: AMOUNT, terms: TERMS });
  assert.deepEqual((await buyer.tickets(order.order)).map(({ token }) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).p), [purchase, purchase]);
  const letter = await messageOf(`${order.order}-completed`);
  assertLetter(letter);
  assert.equal(letter.purchase, purchase);
  assert.deepEqual([letter.amount, letter.fees, letter.vat, letter.terms, letter.event_name], [AMOUNT, FEES, VAT, TERMS, 'Test night']);
  assert.equal(letter.installation, world.postgres.sql('SELECT id FROM pay.installation', 'pay'));
  assert.deepEqual(letter.lines, lines);
  const page = (await buyer.get(`/pay/orders/${order.order}`, { 'accept-language': 'en' })).text;
  for (const minor of [2 * PRICE, FEES, AMOUNT, VAT]) assert.ok(page.includes(`<data value="${minor}" data-currency="KRW">`), `${minor}`);
  assert.match(await world.mailOf(order.order, 'completed'), /티켓 금액: 198,000원\n수수료: 4,480원\n금액: 202,480원\n부가세\(포함\): 18,407원\n/);
  await world.assertAgreed(order.order);
});

test('a part that is given back is a part of that sum', async () => {
  const { order } = await buy({ seats: ['r8s1', 'r8s2'] }, AMOUNT);
  assertStatus(await world.pay.admin.post(`/admin/orders/${order.order}/refund`, { body: { reason: 'half the show', percent: 50 } }), 202);
  const end = await world.untilStatus(buyer, order.order, 'refunded');
  assert.equal(end.refund.amount, AMOUNT / 2);
  assert.equal(world.psp.of(order.order)[0].latest_charge.amount_refunded, AMOUNT / 2);
  const letter = await messageOf(`${order.order}-refunded`);
  assertLetter(letter);
  assert.deepEqual([letter.amount, letter.refund_amount, letter.vat, letter.refund_vat], [AMOUNT, AMOUNT / 2, VAT, 9204]);
  const mail = await world.mailOf(order.order, 'refunded');
  assert.match(mail, /금액: 101,240원\n/);
  assert.doesNotMatch(mail, /수수료|부가세/, 'what goes back is one sum');
  await world.assertAgreed(order.order);
});

test('places of an area have the same fees', async () => {
  const total = 3 * 150_000;
  const { order } = await buy({ area: 'floor', quantity: 3 }, total + 3 * 1000 + 500 + total / 100);
  assert.equal(order.fees, 8_000);
  const letter = await messageOf(`${order.order}-completed`);
  assertLetter(letter);
  assert.deepEqual(letter.lines, [{ place: 'floor', standing: true, category: 'Front', price: 150_000, count: 3, fee: 8_000, vat_basis_points: 1000, vat: order.vat }]);
  await world.assertAgreed(order.order);
});

test('what costs nothing may have a fee, which is paid like a price', async () => {
  assertStatus(await world.site.admin.post('/admin/events/gala/price', { body: { prices: { Back: 0 } } }), 200);
  const { order } = await buy({ seats: ['r7s1'] }, 1_500);
  assert.deepEqual([order.fees, order.vat, order.refund.amount], [1_500, 136, 1_500]);
  assertLetter(await messageOf(`${order.order}-completed`));
  await world.assertAgreed(order.order);
});

test('the list of what was sold has the lines of all letters', async () => {
  const { status, text } = await world.pay.admin.get('/admin/events/gala/lines');
  assert.equal(status, 200, text);
  const [head, ...rows] = text.trimEnd().split('\r\n').map((row) => row.replaceAll('"', '').split(','));
  const letters = await until('a letter of each order', () => {
    const arrived = [...world.shop.orders.values()].filter(({ kind }) => kind === 'completed');
    return arrived.length === new Set(rows.map((row) => row[head.indexOf('order')])).size && arrived;
  });
  const wanted = letters.flatMap(({ lines, ...letter }) => lines.map((line) => ({ ...letter, ...line, order: letter.external_id })));
  const columns = ['order', 'currency', 'place', 'standing', 'category', 'price', 'count', 'fee', 'vat_basis_points', 'vat', 'purchase'];
  const listed = rows.map((row) => columns.map((column) => row[head.indexOf(column)]));
  assert.deepEqual(listed.sort(), wanted.map((line) => columns.map((column) => String(line[column] ?? ''))).sort());
  assert.deepEqual(new Set(rows.map((row) => row[head.indexOf('status')])), new Set(['completed', 'refunded']));
  const refunds = rows.map((row) => ['refunded', 'refunded_vat'].map((column) => row[head.indexOf(column)])).filter(([sum]) => sum !== '0');
  assert.deepEqual(refunds, [[`${AMOUNT / 2}`, '9204']], 'once for the order');
});

for (const [kind, purchase] of [['whose lines have no fees', `jsonb_set(purchase, '{lines}', '[{"place": "r6s1", "category": "Back", "price": 0, "count": 1}]')`], ['without a purchase', 'NULL']]) {
  test(`a letter of an order ${kind} is sent`, async () => {
    world.shop.fault('/orders', 'drop', Infinity);
    const { order } = await buy({ seats: ['r6s1'] }, 1_500);
    await until('a first try', () => world.postgres.sql(`SELECT error FROM pay.shop_outbox WHERE order_id = '${order.order}'`, 'pay'));
    world.postgres.sql(`UPDATE pay.orders SET purchase = ${purchase} WHERE id = '${order.order}'`, 'pay');
    const tries = world.shop.calls.length; // one may be in progress, as the order was
    await until('two more tries', () => world.shop.calls.length > tries + 1);
    world.shop.heal();
    const letter = await messageOf(`${order.order}-completed`);
    assert.deepEqual([letter.amount, letter.lines.length], [1_500, purchase === 'NULL' ? 0 : 1]);
    assert.equal((await buyer.post(`/v1/pay/orders/${order.order}/refund`)).status, 202);
    await world.untilStatus(buyer, order.order, 'refunded');
    const { refund_amount: back, refund_vat: vat } = await messageOf(`${order.order}-refunded`);
    assert.deepEqual([back, vat], [1_500, purchase === 'NULL' ? undefined : 136]);
  });
}

test('an order keeps its fees when those of the event are corrected', async () => {
  const held = await world.held({ seats: ['r1s1'] });
  const make = () => world.order(buyer, held);
  const { order, amount, fees: its } = assertStatus(await make(), 201).json;
  assert.equal(its, 3_000);
  await until('the payment to exist', () => world.psp.of(order).length > 0);
  const { headers: { etag } } = await world.site.admin.get('/admin/events/gala');
  assertStatus(await world.site.admin.put('/admin/events/gala', { headers: { 'if-match': etag }, body: hall({ ...terms, fees: { per_seat: 7000 } }) }), 200);
  assert.equal(assertStatus(await held.visit.hold({ seats: ['r1s3'] }), 201).json.fees, 7_000);
  const again = assertStatus(await make(), 200).json;
  assert.deepEqual([again.order, again.amount, again.fees], [order, amount, its]);
  assert.equal((await world.paid(buyer, order)).amount, amount);
  await world.assertAgreed(order);
});
