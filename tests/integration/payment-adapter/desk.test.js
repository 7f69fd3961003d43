// The help desk: somebody calls, is found and is helped. With the real seat service.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { hall } from '../seat-service/house.js';
import { wordsOf } from './lib/fakes.js';
import { openHouse } from './lib/house.js';

const scope = openScope(test);
const world = await openHouse(scope, { halls: hall({ limits: { orphan_rule: false } }), mail: {} });
const { admin } = world.pay;
const buyer = await world.login();
const NUMBER = /^[0-9A-HJKMNP-TV-Z]{2}(-[0-9A-HJKMNP-TV-Z]{3}){2}$/;

async function buy(seats, visitor = buyer) {
  const visit = world.visit();
  const held = await visit.hold({ seats });
  assert.equal(held.status, 201, held.text);
  const order = await world.ordered(visitor, { hold: held.json.hold, pass: visit.token });
  await world.payOrder(order);
  await world.untilStatus(visitor, order, 'completed');
  return order;
}

const read = async (order, visitor = buyer) => (await visitor.get(`/v1/pay/orders/${order}`)).json;
const ticketsOf = async (order, visitor = buyer) => (await visitor.get(`/v1/pay/orders/${order}/tickets`)).json.tickets;

// As somebody types what they hear.
const heard = (number) => number.toLowerCase().replaceAll('-', '').replaceAll('0', 'o').replaceAll('1', 'L');

test('an order and each ticket have a number to read aloud, and operators type it instead of the id', async () => {
  const order = await buy(['r9s1', 'r9s2']);
  const { order_number: number } = await read(order);
  assert.match(number, NUMBER);
  const tickets = await ticketsOf(order);
  for (const ticket of tickets) assert.match(ticket.ticket_number, NUMBER);
  assert.equal(new Set([number, ...tickets.map((ticket) => ticket.ticket_number)]).size, 3);
  assert.ok((await buyer.get(`/pay/orders/${order}`)).text.includes(`>${number}<`));
  for (const ticket of tickets) assert.ok((await buyer.get(`/pay/tickets/${order}`)).text.includes(`>${ticket.ticket_number}<`));
  const mail = await until('the mail', () => world.smtp.mails.find(({ text }) => text.includes(`<${order}.completed@`)));
  assert.ok(wordsOf(mail).includes(number));

  const { sagas } = (await admin.get(`/admin/sagas?state=all&order=${heard(number)}`)).json;
  assert.deepEqual(sagas.map((saga) => saga.order), [order]);
  for (const path of ['move', 'refund', 'revoke-tickets'])
    assertProblem(await admin.post(`/admin/orders/ZZ-ZZZ-ZZZ/${path}`, { body: { reason: 'x', ...(path === 'move' ? { seats: [{ from: 'a', to: 'b' }] } : {}) } }), 404, 'order-unknown');
  const moved = await admin.post(`/admin/orders/${heard(number)}/move`, { body: { reason: 'a camera', seats: [{ from: 'r9s2', to: 'r9s3' }] } });
  assert.deepEqual([moved.status, moved.json], [202, { order }], moved.text);
  await until('the move to end', async () => (await read(order)).settled);
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
  const { order_number: number } = await read(order);
  assert.notEqual(number, taken);
  assert.equal(number, world.postgres.sql(`SELECT pay.number('${order}')`, 'pay'));
});
