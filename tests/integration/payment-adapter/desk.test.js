// The help desk: a caller is found and helped. With the real seat service.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { hall } from '../seat-service/site.js';
import { openSite } from './lib/site.js';
import { copyOrders, EVENT } from './lib/world.js';

const scope = openScope(test);
const world = await openSite(scope, { halls: hall({ limits: { orphan_rule: false } }), mail: {} });
const { admin } = world.pay;
const buyer = await world.login();
const NUMBER = /^[0-9A-HJKMNP-TV-Z]{2}(-[0-9A-HJKMNP-TV-Z]{3}){2}$/;

const buy = (seats) => world.buy(buyer, { seats });

// As an operator types a number while listening.
const heard = (number) => number.toLowerCase().replaceAll('-', '').replaceAll('0', 'o').replaceAll('1', 'L');

test('an order and each ticket have a number to read aloud, and operators type it instead of the id', async () => {
  const order = await buy(['r9s1', 'r9s2']);
  const { order_number: number } = await buyer.read(order);
  assert.match(number, NUMBER);
  const tickets = await buyer.tickets(order);
  for (const ticket of tickets) assert.match(ticket.ticket_number, NUMBER);
  assert.equal(new Set([number, ...tickets.map((ticket) => ticket.ticket_number)]).size, 3);
  assert.ok((await buyer.get(`/pay/orders/${order}`)).text.includes(`>${number}<`));
  for (const ticket of tickets) assert.ok((await buyer.get(`/pay/tickets/${order}`)).text.includes(`>${ticket.ticket_number}<`));
  assert.ok((await world.mailOf(order, 'completed')).includes(number));

  const { sagas } = (await admin.get(`/admin/sagas?state=all&order=${heard(number)}`)).json;
  assert.deepEqual(sagas.map((saga) => saga.order), [order]);
  for (const path of ['move', 'refund', 'revoke-tickets'])
    assertProblem(await admin.post(`/admin/orders/ZZ-ZZZ-ZZZ/${path}`, { body: { reason: 'x', ...(path === 'move' ? { seats: [{ from: 'a', to: 'b' }] } : {}) } }), 404, 'order-unknown');
  const moved = await admin.post(`/admin/orders/${heard(number)}/move`, { body: { reason: 'a camera', seats: [{ from: 'r9s2', to: 'r9s3' }] } });
  assert.deepEqual([moved.status, moved.json], [202, { order }], moved.text);
  await until('the move to end', async () => (await buyer.read(order)).settled);
  const refund = await admin.post(`/admin/orders/${number}/refund`, { body: { reason: 'they called' } });
  assert.deepEqual([refund.status, refund.json.order], [202, order], refund.text);
  await world.untilStatus(buyer, order, 'refunded');
});

test('an order whose number is taken gets another id', async () => {
  const taken = world.postgres.sql('SELECT pay.number(id) FROM pay.orders LIMIT 1', 'pay');
  const source = world.postgres.sql("SELECT pg_get_functiondef('pay.number'::regproc)", 'pay');
  world.postgres.sql(`CREATE SEQUENCE pay.draws; GRANT USAGE ON SEQUENCE pay.draws TO PUBLIC;
    ${source.replace('pay.number(', 'pay.true_number(')};
    CREATE OR REPLACE FUNCTION pay.number(id text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
      RETURN CASE WHEN nextval('pay.draws') = 1 THEN '${taken}' ELSE pay.true_number(id) END;
    END $$`, 'pay');
  const order = await buy(['r8s1']);
  world.postgres.sql(`${source}; DROP FUNCTION pay.true_number; DROP SEQUENCE pay.draws`, 'pay');
  const { order_number: number } = await buyer.read(order);
  assert.notEqual(number, taken);
  assert.equal(number, world.postgres.sql(`SELECT pay.number('${order}')`, 'pay'));
});

const find = async (query) => {
  const answer = assertStatus(await admin.get(`/admin/orders?${new URLSearchParams(query)}`), 200);
  return answer.json;
};
const found = async (query) => (await find(query)).orders.map(({ order }) => order);

test('an order is found by its number, a ticket, its member, a mail address or a seat', async () => {
  const order = await buy(['r7s1', 'r7s2']);
  const { order_number: number, places } = await buyer.read(order);
  const [ticket] = await buyer.tickets(order);
  for (const q of [order, number, ` ${heard(number)} `, ticket.ticket, ticket.ticket_number]) assert.deepEqual(await found({ q }), [order], q);
  for (const q of [buyer.member, 'BCRYPT@example.com']) assert.ok((await found({ q })).includes(order), q);
  const { zone } = places[0];
  for (const q of ['row 7 seat 1', '7 1', 'row 7, no. 1', '7열 1번', `${zone.toUpperCase()} row 7 seat 1`, 'r7s1']) {
    assert.deepEqual(await found({ q, event: EVENT }), [order], q);
    assert.deepEqual(await found({ q, event: 'another' }), [], q);
  }
  for (const q of ['Balcony row 7 seat 1', '%_ 7 1', 'nobody@example.com', 'nobody', 'ZZ-ZZZ-ZZZ', "'"]) assert.deepEqual(await found({ q, event: EVENT }), q.startsWith('%') ? [order] : [], q);
  const [row] = (await find({ q: number })).orders;
  assert.deepEqual([row.order_number, row.member, row.status, row.seats, row.amount, row.event], [number, buyer.member, 'completed', 2, (await buyer.read(order)).amount, EVENT]);
});

test('the desk offers tickets for their owner, all that it names or none, and their new owner accepts them', async () => {
  const friend = await world.login('argon2id@example.com');
  const order = await buy(['r7s6', 'r7s7']);
  const ask = (body) => admin.post(`/admin/orders/${order}/transfer`, { body: { reason: 'they called', to: friend.member, ...body } });
  const offers = async () => (await admin.get(`/admin/orders/${order}`)).json.tickets.map((ticket) => ticket.offered_to);
  for (const wrong of [{ to: '' }, { to: undefined }, { reason: undefined }, { seats: [] }, { seats: ['r7s6', 'r7s6'] }]) assertProblem(await ask(wrong), 400, 'bad-request');
  for (const wrong of [{ to: buyer.member }, { seats: ['r7s6', 'r7s5'] }]) assertProblem(await ask(wrong), 409, 'not-transferable');
  assert.deepEqual(await offers(), [undefined, undefined]);
  assertProblem(await admin.post('/admin/orders/o_nobody/transfer', { body: { reason: 'x', to: friend.member } }), 404, 'order-unknown');
  assertStatus(await ask({ seats: ['r7s7'] }), 204);
  assert.deepEqual(await offers(), [undefined, friend.member]);
  assertStatus(await ask({}), 204);
  assert.deepEqual(await offers(), [friend.member, friend.member]);
  const [mine] = await buyer.tickets(order);
  assert.equal((await friend.post(`/v1/pay/tickets/${mine.ticket}/accept`, {})).status, 201);
  assert.equal((await world.scan(mine.token)).json.code, 'revoked');
  const [theirs] = (await friend.tickets(order)).filter(({ state }) => state === 'valid');
  assert.equal((await world.scan(theirs.token)).status, 200);
  for (const q of [buyer.member, friend.member, mine.ticket]) assert.ok((await found({ q })).includes(order), q);
  assertProblem(await ask({ to: '999' }), 409, 'not-transferable');
  const { acts } = (await admin.get(`/admin/orders/${order}`)).json;
  assert.deepEqual(acts.filter(({ act }) => act === 'transfer').map(({ detail }) => detail), [{ to: friend.member, seats: ['r7s7'] }, { to: friend.member, seats: ['r7s6', 'r7s7'] }]);
});

test('the orders of an event come in pages, newest first', async () => {
  const [order] = await found({ event: EVENT });
  copyOrders(world.postgres, order, 120, "jsonb_build_object('id', 'copy' || i, 'event', 'paged', 'hold', i, 'idem_key', 'copy' || i, 'created_at', o.created_at + i / 3 * interval '1 s')");
  const seen = [];
  let before;
  do {
    const page = await find({ event: 'paged', limit: 50, ...(before === undefined ? {} : { before }) });
    seen.push(...page.orders);
    ({ before } = page);
  } while (before !== undefined);
  assert.equal(new Set(seen.map((one) => one.order)).size, 120);
  assert.deepEqual(seen.map((one) => one.created_at), seen.map((one) => one.created_at).sort().reverse());
  for (const query of ['', 'limit=5', 'event=gala&limit=0', 'event=gala&limit=201', 'event=gala&before=x', `q=${'x'.repeat(128)}`, 'q=%ff', 'q=%00', 'q=%'])
    assertProblem(await admin.get(`/admin/orders?${query}`), 400, 'bad-request');
});

test('an order is shown with tickets, scans, messages and acts, and its mail is sent once more', async () => {
  const order = await buy(['r6s1', 'r6s2']);
  const [ticket] = await buyer.tickets(order);
  const sent = () => world.smtp.mails.filter(({ text }) => text.includes(`<${order}.completed@`)).map(({ text }) => text.match(/^Message-ID: .*$/m)[0]);
  const mails = () => new Set(sent()).size; // mail programs hide one whose id they have seen
  await until('the first mail', () => mails() === 1);
  assert.equal((await world.scan(ticket.token, 'north')).status, 200);
  assertProblem(await admin.post(`/admin/orders/${order}/mail`, { body: {} }), 400, 'bad-request');
  assert.equal((await admin.post(`/admin/orders/${order}/mail`, { body: { reason: 'it did not come' } })).status, 204);
  await until('the second mail', () => mails() === 2);
  const doc = await until('both messages to be sent', async () => {
    const { json } = await admin.get(`/admin/orders/${order}`);
    return [...json.mails, ...json.letters].every(({ state }) => state === 'done') && json;
  });
  assert.deepEqual([doc.order, doc.member, doc.event, doc.status, doc.refunded, doc.seats], [order, buyer.member, EVENT, 'completed', 0, ['r6s1', 'r6s2']]);
  assert.deepEqual(doc.tickets.map(({ seat, state, gate, scanned_at: at }) => [seat, state, gate, typeof at]), [['r6s1', 'used', 'north', 'string'], ['r6s2', 'valid', undefined, 'undefined']]);
  assert.deepEqual(doc.acts.map(({ act, reason }) => [act, reason]), [['in', undefined], ['mail-again', 'it did not come']]);
  assert.deepEqual(doc.sagas.map(({ definition, state }) => [definition.split('.')[0], state]), [['checkout', 'completed']]);
  assert.deepEqual([doc.mails.map(({ kind }) => kind), doc.letters.map(({ kind }) => kind)], [['completed'], ['completed']]);
  assertProblem(await admin.get('/admin/orders/o_nobody'), 404, 'order-unknown');
  const open = await world.ordered(buyer, await world.held({ seats: ['r6s4'] }));
  assertProblem(await admin.post(`/admin/orders/${open}/mail`, { body: { reason: 'x' } }), 409, 'not-completed');
});

test('a member finds all orders and tickets again without a mail', async () => {
  assert.equal((await world.visitor().get('/pay/orders')).status, 401);
  const taker = await world.login('pbkdf2@example.com');
  assert.match((await taker.get('/pay/orders?lang=en')).text, /You have no orders yet/);
  const orders = [await buy(['r5s1', 'r5s2']), await buy(['r5s4'])];
  const page = (await buyer.get('/pay/orders?lang=en')).text;
  for (const order of orders) {
    assert.ok(page.includes(`href="/pay/orders/${order}"`) && page.includes(`href="/pay/tickets/${order}"`));
    assert.ok(page.includes((await buyer.read(order)).order_number));
  }
  assert.ok(page.indexOf(orders[1]) < page.indexOf(orders[0]), 'the newest first');
  assert.match(page, /Completed · Tickets: 2/);
  assert.match(page, /action="\/v1\/pay\/logout"><input type="hidden" name="back" value="\/pay\/login\/orders">.*different account/, 'the way to another account');
  const [{ ticket }] = await buyer.tickets(orders[1]);
  assert.equal((await buyer.post(`/v1/pay/tickets/${ticket}/transfer`, { to: taker.member })).status, 202);
  assert.match((await taker.get('/pay/orders?lang=en')).text, /A ticket is offered to you/);
  assert.equal((await taker.post(`/v1/pay/tickets/${ticket}/accept`, {})).status, 201);
  const theirs = (await taker.get('/pay/orders')).text;
  assert.ok(theirs.includes(`/pay/tickets/${orders[1]}`) && !theirs.includes(`/pay/orders/${orders[1]}`) && !theirs.includes(orders[0]));
});
