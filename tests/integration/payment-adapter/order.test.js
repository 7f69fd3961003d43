// Orders from the hold to the tickets, and the answers to bad input and failures.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, CookieJar, openScope, openStream, until } from '../../lib-js/index.js';
import { SHOW, SHOW_LINES } from './lib/fakes.js';
import { copyOrders, EVENT, openWorld, PASSWORD } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope);
const buyer = await world.login();

test('an order that is paid ends with tickets, an ended session and a letter to the shop', async () => {
  const visit = world.hold();
  const made = await world.order(buyer, visit);
  assert.equal(made.status, 201, made.text);
  const { order } = made.json;
  const { amount, currency, payment, expires_at } = await until('the payment', async () => {
    const { json } = await buyer.get(`/v1/pay/orders/${order}`);
    return json.payment && json;
  });
  assert.equal(made.json.status, 'pending_payment');
  assert.equal(amount, 154000);
  assert.equal(currency, 'KRW'); // in the hold's spelling
  assert.equal(world.psp.of(order)[0].currency, 'krw'); // in Stripe's
  assert.equal(payment.provider, 'stripe');
  assert.match(payment.client_secret, /^pi_/);
  assert.ok(payment.checkout_url.startsWith(`${world.psp.url}/pay/${payment.client_secret}?return_url=`));
  assert.ok(Date.parse(expires_at) > Date.now());
  const done = await world.paid(buyer, order);
  assert.deepEqual(
    done.timeline.filter(({ result }) => result === 'done').slice(0, 5).map(({ step }) => step),
    ['extend_hold', 'create_payment', 'await_buyer', 'confirm_seats', 'capture'],
  );
  const tickets = await buyer.tickets(order);
  assert.deepEqual(tickets.map(({ seat }) => seat), world.seats.holds.get(visit.hold).seats);
  assert.match(tickets[0].qr, /^<svg /);
  assert.match(tickets[0].token, /^FGT1\./);
  const seen = await buyer.read(order);
  assert.equal(seen.event_name, '갈라 & 친구들');
  assert.deepEqual(Object.keys(SHOW).map((key) => seen[key]), Object.values(SHOW));
  assert.deepEqual(seen.places.map(({ id, row, number }) => [id, `${row}-${number}`]), seen.seats.map((id) => [id, id]));
  assert.equal(tickets[0].zone, '1층 <A>');
  const page = await buyer.get(`/pay/orders/${order}?lang=en`);
  assert.match(page.text, /<title>Your order – 갈라 &amp; 친구들<\/title>/);
  for (const path of ['orders', 'tickets'])
    for (const [lang, line] of Object.entries(SHOW_LINES)) assert.ok((await buyer.get(`/pay/${path}/${order}?lang=${lang}`)).text.includes(` data-zone="Asia/Seoul">${line}</p>`), `${path}, ${lang}`);
  assert.match(page.text, /1층 &lt;A&gt;, row A, seat \d/);
  const paper = (await buyer.get(`/pay/tickets/${order}?lang=ko`)).text;
  assert.match(paper, /1층 &lt;A&gt; A열 \d+번/);
  assert.match(paper, /<img src="\/pictures\/tour\.webp" alt=""/);
  await until('the session to end', () => world.queue.ended.has(visit.session));
  await until('its pass to hold no more seats', () => world.seats.ended.has(visit.session));
  await until('the shop to know', () => world.shop.orders.has(`${order}-completed`));
  const letter = world.shop.orders.get(`${order}-completed`);
  assert.equal(letter.amount, 154000);
  assert.deepEqual(Object.keys(SHOW).map((key) => letter[key]), Object.values({ ...SHOW, picture: undefined }));
  // Provider and shop have this id; by it reconciliation tells our orders from another installation's.
  assert.match(order, new RegExp(`^o_${world.postgres.sql('SELECT id FROM pay.installation', 'pay')}[\\w-]{16}$`));
  await world.settle();
});

test('a seat is called what its hall calls it, in order, tickets and mail', async () => {
  const order = await world.ordered(buyer, world.hold({ label: 'Stuhl' }));
  const { places } = await world.paid(buyer, order);
  for (const { number, label } of [...places, ...await buyer.tickets(order)]) assert.equal(label, `Stuhl ${number}`);
  assert.match((await buyer.get(`/pay/orders/${order}?lang=en`)).text, /1층 &lt;A&gt;, row A, Stuhl \d/);
  assert.match((await buyer.get(`/pay/tickets/${order}?lang=ko`)).text, /1층 &lt;A&gt; A열 Stuhl \d/);
  assert.match(await world.mailOf(order, 'completed'), /^- 1층 <A>.*A.* Stuhl \d+$/m);
});

test('standing places are called by the name of their area', async () => {
  const buyer = await world.login();
  const area = { area: 'floor', area_name: '스탠딩 <A>', category: '스탠딩석', category_rank: 7, quantity: 2 };
  const order = await world.ordered(buyer, world.hold({ area }));
  const seen = await world.paid(buyer, order);
  assert.deepEqual(seen.places.map(({ id, zone, row, number, category }) => [id, zone, row, number, category]), ['floor#1', 'floor#2'].map((id) => [id, '스탠딩 <A>', '', '', '스탠딩석']));
  assert.deepEqual((await buyer.tickets(order)).map(({ zone, row, number }) => [zone, row, number]), Array(2).fill(['스탠딩 <A>', undefined, undefined]));
  assert.match((await buyer.get(`/pay/tickets/${order}`)).text, /<dl><div><dt>Section<\/dt><dd>스탠딩 &lt;A&gt;<\/dd><\/div>\s*<\/dl>\s*<\/header>\s*<p class="band tone-2"><span>스탠딩석<\/span> <span class="nth">/);
  assert.match((await buyer.get(`/pay/orders/${order}`)).text, /(<li><span>스탠딩 &lt;A&gt;<\/span> <span class=\"soft\">스탠딩석<\/span><\/li>){2}/);
});

test('a seat is not taken for a standing place by its name', async () => {
  const buy = () => world.bought(buyer, world.hold({ seats: ['A#1', 'A#2'] }));
  const [first, second] = [await buy(), await buy()];
  assertProblem(await buyer.get(`/v1/pay/orders/${second}/tickets`), 404, 'tickets-unknown'); // the seats have valid ones
  const of = (await world.reconciled()).filter(({ kind }) => kind === 'two-orders').map(({ detail }) => detail);
  assert.deepEqual(of, ['A#1', 'A#2'].map((seat) => `${seat}: ${[first, second].sort().join(', ')}`));
  const seats = [{ from: 'A#1', to: 'A#3' }];
  const moving = await world.pay.admin.post(`/admin/orders/${first}/move`, { body: { seats, reason: 'a camera stands there' } });
  assert.equal(moving.status, 202, moving.text);
  await until('the seat to have moved', async () => (await world.untilStatus(buyer, first, 'completed')).moved_at);
  assert.equal((await world.pay.admin.post(`/admin/orders/${second}/refund`, { body: { reason: 'sold twice' } })).status, 202);
  await world.untilStatus(buyer, second, 'refunded');
});

test('an order speaks the language that it was made in, or else that of the member', async () => {
  const reader = await world.login(); // has not chosen a language
  const make = async (asked) => {
    const { hold, pass } = world.hold();
    const headers = { authorization: `Bearer ${pass}`, 'idempotency-key': `k-${hold}`, ...(asked && { 'accept-language': asked }) };
    const made = await until('an order with its payment', async () => {
      const answer = await reader.post('/v1/pay/orders', { event: EVENT, hold }, headers);
      assert.ok([200, 201].includes(answer.status), answer.text);
      return answer.json.payment && answer;
    });
    const { order, message, payment } = made.json;
    return { page: new URL(payment.checkout_url).searchParams.get('lang'), message, order };
  };
  assert.equal((await reader.get('/v1/pay/me')).json.lang, 'ko');
  for (const [asked, page, words] of [[null, 'ko', /좌석이 확보/], ['en-GB,ko;q=0.5', 'en', /Your seats are held/], ['xx', 'ko', /좌석이 확보/]]) {
    const order = await make(asked);
    assert.equal(order.page, page, asked);
    assert.match(order.message, words);
    await reader.post(`/v1/pay/orders/${order.order}/cancel`);
  }
  await world.settle();
});

test('the same key gets the same order, with another body 422', async () => {
  const visit = world.hold();
  const other = world.hold();
  const first = await world.order(buyer, visit, { key: 'same' });
  assert.equal(first.status, 201, first.text);
  const again = await world.order(buyer, visit, { key: 'same' });
  assert.equal(again.status, 200);
  assert.equal(again.json.order, first.json.order);
  assertProblem(await world.order(buyer, other, { key: 'same' }), 422, 'idempotency-key-reused');
  const twenty = await Promise.all(
    Array.from({ length: 20 }, () => world.order(buyer, other, { key: 'twenty' })),
  );
  assert.equal(new Set(twenty.map(({ json }) => json.order)).size, 1);
  assert.equal(twenty.filter(({ status }) => status === 201).length, 1);
  await world.paymentOf(twenty[0].json.order);
  assert.equal(world.psp.of(twenty[0].json.order).length, 1);
  for (const { order } of [first.json, twenty[0].json]) await buyer.post(`/v1/pay/orders/${order}/cancel`);
  await world.settle();
});

test("another's hold is a 404, an expired hold a 410", async () => {
  const theirs = world.hold();
  const mine = world.hold();
  assertProblem(await world.order(buyer, { ...theirs, pass: mine.pass }), 404, 'hold-unknown');
  assertProblem(await world.order(buyer, { ...mine, hold: 'h999999' }), 404, 'hold-unknown');
  assertProblem(await world.order(buyer, world.hold({ ttlMs: -1 })), 410, 'hold-expired');
  // Two members with the same hold: the second one learns nothing about the first one's order.
  const other = await world.login('argon2id@example.com');
  const made = await world.order(buyer, mine);
  assert.equal(made.status, 201);
  assertProblem(await world.order(other, mine, { key: 'theirs' }), 404, 'hold-unknown');
  await buyer.post(`/v1/pay/orders/${made.json.order}/cancel`);
  await world.settle();
});

test('without cookie, pass or key there is no order', async () => {
  const visit = world.hold();
  assertProblem(await world.order(world.visitor(), visit), 401, 'login-required');
  assertProblem(await world.order(buyer, { ...visit, pass: 'x.y.z' }), 401, 'bad-pass');
  const wrong = [
    world.queue.pass('other-event', visit.session),
    world.queue.pass(EVENT, visit.session, { iss: 'somebody' }),
    world.queue.pass(EVENT, visit.session, { exp: Math.floor(Date.now() / 1000) - 60 }),
    world.queue.token({ iss: 'fairgate', aud: EVENT, sub: 's', exp: 9999999999, iat: 1 }, { typ: 'JWT' }),
  ];
  for (const pass of wrong) assertProblem(await world.order(buyer, { ...visit, pass }), 401, 'bad-pass');
  const noKey = await buyer.post(
    '/v1/pay/orders',
    { event: EVENT, hold: visit.hold },
    { authorization: `Bearer ${visit.pass}` },
  );
  assertProblem(noKey, 400, 'idempotency-key');
  assertProblem(await buyer.post('/v1/pay/orders', { event: EVENT, hold: visit.hold }, { 'idempotency-key': 'k' }), 401, 'pass-required');
});

test('a post from a page of another site is refused', async () => {
  const visit = world.hold();
  const headers = { authorization: `Bearer ${visit.pass}`, 'idempotency-key': 'csrf' };
  const body = { event: EVENT, hold: visit.hold };
  for (const origin of ['https://evil.example', 'null', 'http://tickets.example.evil.example'])
    assertProblem(await buyer.post('/v1/pay/orders', body, { ...headers, origin }), 403, 'cross-origin');
  const ours = await buyer.post('/v1/pay/orders', body, { ...headers, origin: 'http://tickets.example' });
  assert.equal(ours.status, 201, ours.text);
  const { order } = ours.json;
  assertProblem(await buyer.post(`/v1/pay/orders/${order}/cancel`, {}, { origin: 'https://evil.example' }), 403, 'cross-origin');
  await buyer.post(`/v1/pay/orders/${order}/cancel`);
  await world.settle();
});

test('a cancel while the buyer pays gives everything back; after the capture it is too late', async () => {
  const made = await world.order(buyer, world.hold());
  assertProblem(await buyer.post(`/v1/pay/orders/${made.json.order}/refund`), 409, 'not-refundable');
  const cancelled = await buyer.post(`/v1/pay/orders/${made.json.order}/cancel`);
  assert.equal(cancelled.status, 202, cancelled.text);
  await world.untilStatus(buyer, made.json.order, 'cancelled');
  await world.settle();
  assert.equal(world.psp.of(made.json.order)[0].status, 'canceled');
  assert.equal((await buyer.post(`/v1/pay/orders/${made.json.order}/cancel`)).status, 200);

  const second = await world.order(buyer, world.hold());
  await world.paid(buyer, second.json.order);
  assertProblem(await buyer.post(`/v1/pay/orders/${second.json.order}/cancel`), 409, 'too-late');
});

// By our own clock the hold expired half a minute ago.
test('an order\'s deadline follows the clock of the seats', async () => {
  world.seats.aheadMs = -60_000;
  const visit = world.hold({ ttlMs: 30_000 });
  const made = await world.order(buyer, visit);
  assert.equal(made.status, 201);
  const { order } = made.json;
  const { id } = await until('the payment', () => world.psp.of(order)[0]);
  await until('it to be looked at', () => world.psp.calls.some((call) => call.method === 'GET' && call.path.includes(id)));
  world.psp.authorise(id); // without a webhook
  await world.untilStatus(buyer, order, 'completed');
  await world.settle();
  assert.ok((await world.pay.metrics()).get('fairgate_pay_seats_clock_apart_ms') >= 60_000);
  for (const { server_time: now } of [made.json, (await buyer.get(`/v1/pay/orders/${order}`)).json]) assert.ok(Date.parse(now) < Date.now() - 50_000, now);
  world.seats.aheadMs = 0;
});

test('with the provider down the order waits, says so, and completes by itself', async () => {
  world.psp.fault('/v1/payment_intents', 'drop', Infinity);
  const made = await world.order(buyer, world.hold());
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.status, 'pending_payment');
  assert.equal(made.json.payment, null);
  assert.match(made.json.message, /결제 서비스가 아직 응답하지 않습니다/);
  world.psp.heal();
  const open = await until('the payment', async () => {
    const { json } = await buyer.get(`/v1/pay/orders/${made.json.order}`);
    return json.payment && json;
  });
  assert.match(open.payment.checkout_url, /^http/);
  await world.paid(buyer, made.json.order);
  await world.settle();
});

const faults = [
  ['lost', 'lost'],
  ['cut half-way', 'cut'],
  ['dropped', 'drop'],
  ['a 500', 500],
  ['a 429', 429],
  ['done but told as 500', { after: 500 }],
];
for (const [name, fault] of faults) {
  test(`an answer that is ${name} is never taken for a no`, async () => {
    world.seats.fault('/extend', fault);
    world.seats.fault('/confirm', fault);
    world.psp.fault('POST /v1/payment_intents', fault);
    world.psp.fault('/capture', fault);
    world.queue.fault('/end', fault);
    const order = await world.ordered(buyer, world.hold());
    await until('the payment', async () => (await buyer.get(`/v1/pay/orders/${order}`)).json.payment);
    const captures = world.psp.captures;
    await world.paid(buyer, order);
    for (const fake of [world.seats, world.psp, world.queue]) fake.heal();
    assert.equal(world.psp.captures, captures + 1);
    await world.settle();
  });
}

test('each call to Stripe says for which version of its API it is meant', async () => {
  const order = await world.bought(buyer);
  await buyer.post(`/v1/pay/orders/${order}/refund`);
  await world.untilStatus(buyer, order, 'refunded');
  await world.pay.admin.post('/admin/reconcile', { body: {} });
  assert.deepEqual([...new Set(world.psp.calls.map(({ headers }) => headers['stripe-version']))], ['2026-10-28.endive']);
  for (const part of ['/v1/payment_intents', '/capture', '/v1/refunds', '/v1/events'])
    assert.ok(world.psp.calls.some(({ path }) => path.includes(part)), part);
});

test('an unreadable list of seats is reported as seat-service not reached', async () => {
  for (const body of ['[{"seat": "A-1"}, {', '{"not": "a list"}']) {
    world.seats.fault('/export', { status: 200, text: body });
    const report = await until('a run', async () => {
      const { status, json } = await world.pay.admin.post('/admin/reconcile', { body: {} });
      return status === 200 && json;
    });
    assert.deepEqual(report.not_reached, ['seat-service'], body);
  }
});

test('a webhook counts once, if signed and at most five minutes off', async () => {
  const order = await world.ordered(buyer, world.hold());
  const intent = await world.paymentOf(order);
  // It claims a payment that did not happen: so the order stays open until all events have come.
  const event = world.psp.event('payment_intent.amount_capturable_updated', { ...intent, status: 'requires_capture' });
  const now = Math.floor(Date.now() / 1000);
  assertProblem(await world.webhook(event, { secret: 'whsec_wrong' }), 401, 'bad-signature');
  assertProblem(await world.webhook(event, { at: now - 400 }), 401, 'bad-timestamp');
  assertProblem(await world.webhook(event, { at: now + 400 }), 401, 'bad-timestamp');
  const bare = await world.pay.http.post('/v1/pay/webhooks/stripe', { body: event });
  assertProblem(bare, 400, 'bad-webhook');
  assert.equal((await world.pay.http.post('/v1/pay/webhooks/paypal', { body: event })).status, 404);
  const hundred = await Promise.all(Array.from({ length: 100 }, () => world.webhook(event)));
  assert.ok(hundred.every(({ status }) => status === 204));
  assert.equal(world.postgres.sql(`SELECT count(*) FROM pay.webhook_event WHERE id = '${event.id}'`, 'pay'), '1');
  world.psp.authorise(intent.id);
  await world.untilStatus(buyer, order, 'completed');
  // Yesterday's event, and one about an unknown payment, change nothing.
  const created = world.psp.events.find(({ type, data }) => type === 'payment_intent.created' && data.object.id === intent.id);
  assert.equal((await world.webhook(created)).status, 204);
  const stranger = { id: 'evt_stranger', type: 'payment_intent.succeeded', data: { object: { id: 'pi_stranger', object: 'payment_intent' } } };
  assert.equal((await world.webhook(stranger)).status, 204);
  await world.settle();
});

test('a long webhook is read off the loop, and judged as a short one', async () => {
  const order = await world.ordered(buyer, world.hold());
  const { id: payment_intent } = await world.paymentOf(order);
  const event = (id, bytes) => ({ id, type: 'charge.updated', data: { object: { id: 'ch_1', object: 'charge', payment_intent, note: 'x'.repeat(bytes) } } });
  const jobs = async () => (await world.pay.metrics()).get('fairgate_off_loop_jobs_total');
  const before = await jobs();
  for (const bytes of [0, 8000]) assertStatus(await world.webhook(event(`evt_short_${bytes}`, bytes)), 204);
  for (const bytes of [9000, 250_000]) assertStatus(await world.webhook(event(`evt_long_${bytes}`, bytes)), 204);
  assertProblem(await world.webhook(event('evt_long', 250_000), { secret: 'whsec_wrong' }), 401, 'bad-signature');
  assertProblem(await world.webhook({ note: 'x'.repeat(250_000) }), 400, 'bad-webhook');
  assert.equal((await jobs()) - before, 4 + 1, 'each long one, and the page of metrics');
  assert.equal(world.postgres.sql("SELECT string_agg(id, ' ' ORDER BY id) FROM pay.webhook_event WHERE id ~ '^evt_(short|long)'", 'pay'), 'evt_long_250000 evt_long_9000 evt_short_0 evt_short_8000');
  await buyer.post(`/v1/pay/orders/${order}/cancel`);
  await world.untilStatus(buyer, order, 'cancelled');
});

// Waits for the lock as long as a statement may take; returns whether the machine was fast enough.
async function tellTogether(round) {
  const order = await world.ordered(buyer, world.hold());
  const { id: payment_intent } = await world.paymentOf(order);
  const tell = (n) => world.webhook({ id: `evt_together_${round}_${n}`, type: 'charge.updated', data: { object: { id: `ch_${n}`, object: 'charge', payment_intent } } });
  const taken = async () => (await world.pay.metrics()).get('fairgate_http_requests_total{listener="public"}');
  const table = await world.transaction('LOCK TABLE pay.webhook_event IN SHARE MODE');
  const answers = [tell(0)];
  let late = false;
  answers[0].then(() => { late = true; });
  await until('the first to be on its way', () => late ||
    world.postgres.sql("SELECT count(*) FROM pg_locks WHERE relation = 'pay.webhook_event'::regclass AND NOT granted", 'pay') === '1');
  const before = await taken();
  for (let n = 1; n < 40; n += 1) answers.push(tell(n));
  await until('the others to be read', async () => (await taken()) >= before + 39);
  await table.end();
  const inTime = (await Promise.all(answers)).every(({ status }) => status === 204);
  if (inTime)
    assert.equal(world.postgres.sql(`SELECT count(*), count(DISTINCT xmin::text) FROM pay.webhook_event WHERE id LIKE 'evt_together_${round}_%'`, 'pay'), '40|2');
  await buyer.post(`/v1/pay/orders/${order}/cancel`);
  await world.untilStatus(buyer, order, 'cancelled');
  return inTime;
}

test('webhooks that come while others are written go together', async () => {
  let round = 0;
  while (!(await tellTogether(round))) assert.ok((round += 1) < 5, 'the table was waited for in vain each time');
});

test('a webhook about no open order of ours is not stored', async () => {
  const kept = () => Number(world.postgres.sql("SELECT count(*) FROM pay.webhook_event WHERE id LIKE 'evt_about_%'", 'pay'));
  const tell = (object, id = `evt_about_${object.id}`) => world.webhook({ id, type: 'charge.updated', data: { object } });
  const order = await world.ordered(buyer, world.hold());
  const { id } = await world.paymentOf(order);
  const strangers = [
    { object: 'charge', id: 'ch_1', payment_intent: 'pi_of_the_shop' },
    { object: 'payment_intent', id: 'pi_x', metadata: { order: 'o_nobody' } },
    { object: 'payout', id: 'po_1' },
  ];
  for (const stranger of strangers) assert.equal((await tell(stranger)).status, 204);
  assert.equal(kept(), 0);
  assert.equal((await tell({ object: 'charge', id: 'ch_2', payment_intent: id })).status, 204);
  // Also found by the order it names, if the order does not know the payment yet.
  assert.equal((await tell({ object: 'payment_intent', id: 'pi_new', metadata: { order } })).status, 204);
  assert.equal(kept(), 2);
  await world.paid(buyer, order);
  await until('its saga to end', () => world.postgres.sql(`SELECT count(*) FROM pay.saga WHERE subject = '${order}' AND state < 2`, 'pay') === '0');
  assert.equal((await tell({ object: 'charge', id: 'ch_3', payment_intent: id })).status, 204);
  assert.equal(kept(), 2);
  const metrics = await world.pay.metrics();
  assert.ok(metrics.get('fairgate_webhooks_total{outcome="about_nothing_here"}') >= 4);
});

// A webhook while another transaction changes its order. It waits for the row as long as a statement may take. Returns
// whether the machine was fast enough, including all checks in between.
async function tellWhileChanged() {
  const orders = [];
  for (let i = 0; i < 3; i += 1) orders.push(await world.ordered(buyer, world.hold()));
  const [changing, other, third] = orders;
  const row = await until('the row to be free', async () => {
    const one = await world.transaction(`SELECT id FROM pay.saga WHERE subject = '${changing}' AND step = 2 AND NOT leased FOR UPDATE`);
    if (one.text === '') await one.end();
    return one.text !== '' && one;
  });
  const payments = await Promise.all(orders.map((order) => world.paymentOf(order)));
  const events = payments.map(({ id }) => world.psp.authorise(id));
  assert.equal((await world.webhook(events[1])).status, 204);
  await world.untilStatus(buyer, other, 'completed');
  let early = null;
  const late = world.webhook(events[0]).then((answer) => (early = answer));
  await until('it to wait for the row', () => early !== null ||
    world.postgres.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted", 'pay') === '1');
  assert.equal((await world.webhook(events[2])).status, 204);
  const seen = early;
  assert.notEqual(seen?.status, 204, 'it is answered when the row is free');
  await row.end();
  const { status } = await late;
  if (seen === null && status === 204)
    assert.notEqual(world.postgres.sql(`SELECT wake FROM pay.saga WHERE subject = '${changing}'`, 'pay'), '0');
  for (const order of [changing, third]) await world.untilStatus(buyer, order, 'completed');
  await world.settle();
  return seen === null && status === 204;
}

test('a webhook for a locked order delays no other and still wakes it', async () => {
  let tries = 0;
  while (!(await tellWhileChanged())) assert.ok((tries += 1) < 5, 'the row was waited for in vain each time');
});

test('a hold with inconsistent sums cannot be ordered', async () => {
  const wrong = [
    { fees: -1 },
    { fees: 1.5 },
    { fees: 2_000, vat_basis_points: 1_000, vat: 14_000 }, // of the prices alone
    { vat_basis_points: 10_001, vat: 1 },
    { vat: 14_000 },
  ];
  for (const charges of wrong) {
    const visit = world.hold();
    Object.assign(world.seats.holds.get(visit.hold), charges);
    assertProblem(await world.order(buyer, visit), 503, 'unavailable');
  }
  const visit = world.hold();
  Object.assign(world.seats.holds.get(visit.hold), { fees: 2_000, vat_basis_points: 1_000, vat: 14_182 });
  const { json } = await world.order(buyer, visit);
  assert.deepEqual([json.amount, json.fees, json.vat], [156_000, 2_000, 14_182]);
  await buyer.post(`/v1/pay/orders/${json.order}/cancel`);
  await world.untilStatus(buyer, json.order, 'cancelled');
});

test('a hundred places are an order, one more is refused with advice', async () => {
  const long = (char) => char.repeat(128);
  const standing = (quantity) => world.hold({ total: quantity * 1000, area: { area: '서'.repeat(42), area_name: long('서'), category: long('스'), quantity } });
  assertProblem(await world.order(buyer, standing(101)), 422, 'order-too-large');
  const order = await world.bought(buyer, standing(100));
  const { tickets } = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json;
  assert.equal(new Set(tickets.map(({ seat }) => seat)).size, 100);
  assert.equal((await buyer.get(`/pay/tickets/${order}`)).text.match(/<div class="code"><svg /g).length, 100);
  assert.ok((await buyer.get(`/pay/orders/${order}`)).text.includes(long('서')));
  assert.ok(tickets.every(({ zone }) => zone === long('서')));
});

test('two hundred streams cost one query a second', async () => {
  const order = await world.ordered(buyer, world.hold());
  copyOrders(world.postgres, order, 200, "jsonb_build_object('id', 'o_' || lpad(i::text, 20, '0'), 'hold', 'w' || i, 'idem_key', 'w' || i)");
  const ids = Array.from({ length: 200 }, (_, i) => `o_${String(i + 1).padStart(20, '0')}`);
  const streams = await Promise.all(
    ids.map((id) => openStream({ port: world.pay.port, path: `/v1/pay/orders/${id}/stream`, headers: buyer.jar.headers })),
  );
  await Promise.all(streams.map((stream) => stream.find('its first status', ({ json }) => json.status === 'pending_payment')));
  const asked = async () => {
    const metrics = await world.pay.metrics();
    return { looks: metrics.get('fairgate_order_stream_looks_total'), jobs: metrics.get('fairgate_pay_db_jobs_total') };
  };
  const began = performance.now();
  const before = await asked();
  const now = await until('five looks', async () => {
    const seen = await asked();
    return seen.looks >= before.looks + 5 && seen;
  });
  // All other queries of an idle service depend on the time.
  const [jobs, looks, seconds] = [now.jobs - before.jobs, now.looks - before.looks, (performance.now() - began) / 1000];
  assert.ok(jobs < 100 * looks + 40 * seconds, `${jobs} questions to the database for ${looks} looks in ${seconds} s`);
  world.postgres.sql("UPDATE pay.orders SET status = 'cancelled' WHERE idem_key LIKE 'w%'", 'pay');
  await Promise.all(streams.map((stream) => stream.find('its end', ({ json }) => json.status === 'cancelled')));
  for (const stream of streams) stream.close();
});

test('a browser without a script logs in, orders and cancels by forms that lead to pages of ours', async () => {
  const jar = new CookieJar();
  const origin = `http://127.0.0.1:${world.pay.port}`;
  const visit = world.hold();
  const checkout = `/pay/checkout/${EVENT}/${visit.hold}`;
  const cookie = () => ({ cookie: [jar.headers.cookie, `fg_pass_${EVENT}=${visit.pass}`].filter(Boolean).join('; '), 'accept-language': 'en' });
  const get = async (path) => jar.take(await world.pay.http.get(path, { headers: cookie() }));
  const post = async (path, fields, from = origin) => jar.take(await world.pay.http.post(path, {
    headers: { ...cookie(), origin: from, 'content-type': 'application/x-www-form-urlencoded' }, body: String(new URLSearchParams(fields)),
  }));
  const login = { login: 'bcrypt@example.com', password: 'wrong', back: checkout, next: checkout };
  assert.match((await get(checkout)).text, /KRW 154,000[^]*action="\/v1\/pay\/login"/);
  assert.equal((await post('/v1/pay/login', login)).headers.location, `${checkout}?refused=bad-credentials`);
  assert.match((await get(`${checkout}?refused=bad-credentials`)).text, /role="alert">Username or password is wrong/);
  assert.equal((await post('/v1/pay/login', login, 'https://evil.example')).headers.location, `${checkout}?refused=cross-origin`);
  // Redirects lead only to our own pages.
  for (const back of ['https://evil.example/', '//evil.example/', '/pay/../e/demo', '/pay/%0d%0aX: y', '/e/demo', `${checkout}?x=1`, ''])
    assertProblem(await post('/v1/pay/login', { ...login, back }), 415, 'not-json');
  const asBuyer = { ...login, password: PASSWORD };
  assert.equal((await post('/v1/pay/login', asBuyer)).headers.location, checkout);
  const page = await get(checkout);
  const [, terms] = /name="refund_terms" value="([^"]+)"/.exec(page.text);
  const [, hold_version, amount, member] = /name="hold_version" value="(1)"[^]*name="amount" value="(154000)"[^]*name="member" value="([^"]+)"/.exec(page.text);
  const form = { event: EVENT, hold: visit.hold, back: checkout, hold_version, amount, member };
  for (const other of [{ hold_version: '2' }, { amount: '154001' }, { member: `${member}0` }])
    assert.equal((await post('/v1/pay/orders', { ...form, ...other })).headers.location, `${checkout}?refused=checkout-changed`);
  assert.match((await get(`${checkout}?refused=checkout-changed`)).text, /role="alert">The seats, the price or the login/);
  assert.equal((await post('/v1/pay/orders', { ...form, refund_terms: `${terms}x` })).headers.location, `${checkout}?refused=refund-terms-changed`);
  assert.equal((await post('/v1/pay/orders', { ...form, extra: '1' })).headers.location, `${checkout}?refused=bad-request`);
  // Pressed twice, and after going back: one order.
  const made = await post('/v1/pay/orders', { ...form, refund_terms: terms });
  assert.match(made.headers.location, /^\/pay\/orders\/o_/);
  assert.equal((await post('/v1/pay/orders', { ...form, refund_terms: terms })).headers.location, made.headers.location);
  assert.equal((await get(checkout)).headers.location, made.headers.location);
  const order = made.headers.location;
  assert.match((await get(order)).text, new RegExp(`action="/v1${order}/cancel"`));
  assert.equal((await post(`/v1${order}/cancel`, { back: order })).headers.location, order);
  await until('the order to be cancelled', async () => /data-status="cancelled"/.test((await get(order)).text));
  assert.equal((await post(`/v1${order}/refund`, { back: order })).headers.location, `${order}?refused=not-refundable`);
  assert.match((await get(`${order}?refused=not-refundable`)).text, /role="alert">This order can.{1,6}t be refunded now/);
  // When logged out, the order requires a login, and the login leads back.
  assert.equal((await post('/v1/pay/logout', { back: checkout })).headers.location, checkout);
  const tickets = order.replace('orders', 'tickets');
  for (const [path, back, fields] of [['/v1/pay/orders', order, { ...form, refund_terms: terms }], [`/v1${order}/cancel`, order], [`/v1${order}/refund`, order], ['/v1/pay/tickets/t_none/transfer', tickets, { to: '2' }], ['/v1/pay/tickets/t_none/accept', tickets]]) {
    assert.equal((await post(path, { ...fields, back })).headers.location, `${back}?refused=login-required`, path);
    assert.match((await get(`${back}?refused=login-required`)).text, /action="\/v1\/pay\/login"|href="\/pay\/login\//, path);
  }
  const [, way] = /<noscript>.*href="([^"]+)"/.exec(assertStatus(await get(order), 401).text);
  const [, next] = /name="next" value="([^"]+)"/.exec((await get(way)).text);
  assert.equal((await post('/v1/pay/login', { ...asBuyer, back: way, next })).headers.location, order);
  // An unknown hold and a missing pass are reported on the page.
  const none = await get(`/pay/checkout/${EVENT}/none`);
  assert.deepEqual([none.status, /not held for you[^]*class="button main wide" href="[^"]+\/plain">Back to the hall</.test(none.text)], [404, true]);
  const outside = await world.pay.http.get(checkout, { headers: { 'accept-language': 'en' } });
  assert.deepEqual([outside.status, /Your admission is missing/.test(outside.text)], [401, true]);
});
