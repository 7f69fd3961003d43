// Outbox messages: orders to the shop, at its rate, and mails to buyers.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';
import { SHOW_LINES, wordsOf } from './lib/fakes.js';
import { assertLetter } from './lib/letters.js';

const scope = openScope(test);
const world = await openWorld(scope, { http: { loops: 4 }, shop: { per_s: 10 } });
world.psp.autoPay = true;

const complete = (visitor) => world.orderedAs(visitor, 'completed');

// One line per encoded word.
const subjectOf = (mail) => [...mail.text.split('\r\n\r\n')[0].matchAll(/=\?UTF-8\?B\?(.*)\?=\r$/gm)].map(([, word]) => Buffer.from(word, 'base64').toString('utf8')).join('');

test("a mail in the buyer's language carries the link to the tickets", async () => {
  const ko = await world.login('bcrypt@example.com');
  const en = await world.login('argon2id@example.com');
  for (const [visitor, to, subject, words, seat, told] of [
    [ko, 'bcrypt@example.com', '티켓이 발권되었습니다', /예매가 완료되었습니다/, /^- 1층 <A> A열 \d+번$/m, [': 154,000원', SHOW_LINES.ko]],
    [en, 'argon2id@example.com', 'Your tickets', /Your order is complete/, /^- 1층 <A>, row A, seat \d+$/m, [': KRW 154,000', SHOW_LINES.en]],
  ]) {
    const order = await complete(visitor);
    const mail = await until('the mail', () => world.smtp.mails.find(({ text }) => text.includes(`<${order}.`)));
    assert.equal(mail.to, to);
    assert.equal(subjectOf(mail), `${subject}: 갈라 & 친구들`);
    assert.match(wordsOf(mail), words);
    assert.match(wordsOf(mail), seat);
    for (const line of told) assert.ok(wordsOf(mail).includes(`${line}\n`), line);
    assert.ok(wordsOf(mail).includes(`http://tickets.example/pay/tickets/${order}`));
  }
  const columns = world.postgres.sql("SELECT string_agg(t::text, ' ') FROM pay.mail_outbox t", 'pay');
  assert.ok(!columns.includes('@'), 'no address is stored');
});

test('the address is read when the mail is sent', async () => {
  const visitor = await world.login('pbkdf2@example.com');
  world.smtp.refuses = { RCPT: '451 later' };
  const order = await complete(visitor);
  await until('a first try', () => world.postgres.sql(`SELECT error FROM pay.mail_outbox WHERE order_id = '${order}'`, 'pay') === 'smtp 451');
  world.postgres.sql("UPDATE users SET email = 'moved@example.com' WHERE email = 'pbkdf2@example.com'", 'shop');
  await until('a try at the new address', () => world.smtp.tried.includes('moved@example.com'));
  world.smtp.refuses = {};
  const mail = await until('the mail', () => world.smtp.mails.find(({ text }) => text.includes(`<${order}.`)));
  assert.equal(mail.to, 'moved@example.com');
});

// judges: shop
test('the shop gets orders at its pace, and one customer after another', async () => {
  const visitor = await world.login();
  const before = world.shop.arrived.length;
  const orders = [];
  for (let i = 0; i < 25; i += 1) orders.push(await complete(visitor));
  await until('all to arrive', () => orders.every((order) => world.shop.orders.has(`${order}-completed`)), { timeoutMs: 60_000 });
  const arrived = world.shop.arrived.slice(before);
  for (const { at } of arrived) {
    const second = arrived.filter((other) => other.at >= at && other.at < at + 1000).length;
    assert.ok(second <= 13, `${second} in one second`);
  }
  const mine = arrived.filter(({ key }) => orders.some((order) => key.startsWith(order)));
  assert.deepEqual(mine.map(({ key }) => key), orders.map((order) => `${order}-completed`));
});

test('the longest order has its tickets, and fits into a letter', async () => {
  const visitor = await world.login();
  const seats = Array.from({ length: 100 }, (_, i) => `${100 + i}`.padStart(128, '"'));
  const order = await world.ordered(visitor, world.hold({ seats, category: '"'.repeat(128) }));
  const { places } = await world.untilStatus(visitor, order, 'completed');
  assert.deepEqual(places.map(({ id }) => id), seats);
  const { tickets } = (await visitor.get(`/v1/pay/orders/${order}/tickets`)).json;
  assert.deepEqual(tickets.map(({ seat, state }) => [seat, state]), seats.map((seat) => [seat, 'valid']));
  assertStatus(await world.pay.admin.post('/admin/checkin', { body: { event: EVENT, gate: 'g', token: tickets[0].token } }), 200);
  const letter = await until('the letter', () => world.shop.orders.get(`${order}-completed`));
  assertLetter(letter);
  assert.deepEqual(letter.lines.map(({ place }) => place), seats);
});

test('a shop that is down loses nothing, and one that says 429 sets the pace', async () => {
  const visitor = await world.login('sha512crypt@example.com');
  world.shop.fault('/orders', 'drop', Infinity);
  const orders = [await complete(visitor), await complete(visitor), await complete(visitor)];
  await until('the lag to show', async () => (await world.pay.metrics()).get('fairgate_shop_lag_orders') >= 3);
  // The service is killed, too, in the middle of it.
  await world.pay.kill();
  await world.pay.start();
  world.shop.heal();
  world.shop.fault('/orders', 429, 2);
  await until('all to arrive', () => orders.every((order) => world.shop.orders.has(`${order}-completed`)), { timeoutMs: 60_000 });
  const mine = world.shop.arrived.filter(({ key }) => orders.some((order) => key.startsWith(order)));
  const firsts = [...new Map(mine.map(({ key }) => [key, 1])).keys()];
  assert.deepEqual(firsts, orders.map((order) => `${order}-completed`));
  await until('the lag to be gone', async () => (await world.pay.metrics()).get('fairgate_shop_lag_orders') === 0);
});

// judges: shop
test('a delivery whose answer is lost comes again with the same key', async () => {
  const visitor = await world.login();
  world.shop.fault('/orders', 'lost');
  const order = await complete(visitor);
  await until('two deliveries', () => world.shop.arrived.filter(({ key }) => key === `${order}-completed`).length >= 2, { timeoutMs: 60_000 });
  assert.equal([...world.shop.orders.keys()].filter((key) => key === `${order}-completed`).length, 1);
});

test('a shop that refuses letter after letter holds all back, and parks none', async () => {
  const accounts = ['bcrypt', 'argon2id', 'sha512crypt', 'user100'];
  const visitors = await Promise.all(accounts.map((account) => world.login(`${account}@example.com`)));
  world.shop.fault('/orders', 404, Infinity);
  const orders = await Promise.all(visitors.map(complete));
  const held = async () => (await world.pay.metrics()).get('fairgate_shop_orders_total{outcome="held_back"}');
  const hurried = () => world.postgres.sql("UPDATE pay.shop_outbox SET due_at = now() WHERE done_at IS NULL AND due_at BETWEEN now() AND now() + interval '1 day'", 'pay') !== undefined;
  await until('letters to be held back again and again', async () => hurried() && await held() > 3);
  assert.deepEqual((await world.pay.admin.get('/admin/letters')).json.letters, []);
  world.shop.heal();
  for (const order of orders) await until('the letter', () => world.shop.orders.has(`${order}-completed`));
});

for (const [fault, tries, words] of [
  [401, '1|0', 'a shop that refuses our key holds all letters back, and none counts a try'],
  [503, '3|0', 'a shop that is away and names no pause is asked ever more rarely'],
  [{ status: 503, headers: { 'retry-after': '1' } }, '1|0', 'a pause that the shop asks for counts no try'],
]) {
  test(words, async () => {
    const visitor = await world.login();
    world.shop.fault('/orders', fault, 2);
    const order = await complete(visitor);
    const row = () => world.postgres.sql(`SELECT tries, refused FROM pay.shop_outbox WHERE order_id = '${order}' AND done_at IS NOT NULL`, 'pay');
    assert.equal(await until('the letter to be done', row), tries);
    assert.ok(world.shop.orders.has(`${order}-completed`));
  });
}
