// An event with a new date: existing orders show it, all ticket holders get a mail, and buyers may return their orders for a
// full refund for a while, even against their terms.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';
import { wordsOf } from './lib/fakes.js';

const PATH = `/admin/events/${EVENT}/postponement`;
const NEW = { starts_at: '2031-06-01T10:00:00.000Z', refund_until: '2031-05-01T10:00:00.000Z' };

const scope = openScope(test);
const world = await openWorld(scope, { refund: { by: 'operator' } });
world.psp.autoPay = true;
const buyer = await world.login('argon2id@example.com'); // reads English

const buy = () => world.orderedAs(buyer, 'completed');
const mailsOf = (order, kind) => world.smtp.mails.filter(({ text }) => text.includes(`<${order}.${kind}@`));
const put = (body) => world.pay.admin.put(PATH, { body: { reason: 'the singer is ill', ...body } });
// The hall is corrected first.
const postpone = (body) => {
  world.seats.show.starts_at = body.starts_at;
  return put(body);
};

test('what cannot be is refused, by its field', async () => {
  for (const [body, field] of [[{ ...NEW, refund_until: '2020-01-01T00:00:00Z' }, 'refund_until'], [{ refund_until: NEW.refund_until }, 'starts_at'],
    [{ ...NEW, doors_at: '2031-06-01T11:00:00Z' }, 'doors_at'], [{ ...NEW, time_zone: 'Nowhere' }, 'time_zone']]) {
    const answer = await put(body);
    assertProblem(answer, 400, 'bad-request');
    assert.match(answer.json.detail, new RegExp(field));
  }
});

test('an order from before has the new date, a mail, and a way back in full', async () => {
  const order = await buy();
  const { time_zone: zone } = world.seats.show;
  delete world.seats.show.time_zone;
  const other = await buy(); // before the hall had a zone
  world.seats.show.time_zone = zone;
  const before = await buyer.read(order);
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/refund`)).json.code, 'refund-by-operator');
  assertProblem(await put(NEW), 409, 'hall-has-another-date');
  const { starts_at: another } = world.seats.show;
  delete world.seats.show.starts_at;
  assert.match((await put(NEW)).json.detail, /another date or none/);
  world.seats.show.starts_at = another;
  for (const status of [503, 404]) { // it sleeps, or is no seat service
    world.seats.fault('GET /admin/events/', status);
    assertProblem(await put(NEW), 503, 'hall-unavailable');
  }
  const { json } = assertStatus(await world.pay.admin.get(PATH), 200);
  assert.deepEqual([json.event, json.at, json.starts_at, json.times, json.mails_waiting], [EVENT, null, null, 0, 0]);
  const answer = assertStatus(await postpone(NEW), 200);
  assert.deepEqual([answer.json.starts_at, answer.json.doors_at, answer.json.times], [NEW.starts_at, null, 1]);
  const after = await buyer.read(order);
  assert.equal(after.starts_at, NEW.starts_at);
  assert.equal(after.doors_at, undefined, 'the old doors are no longer true');
  assert.deepEqual([after.venue, after.time_zone, after.picture], [before.venue, before.time_zone, before.picture]);
  assert.equal((await buyer.read(other)).time_zone, zone, 'that of the hall');
  assert.deepEqual(after.refund, { by: 'buyer', until: NEW.refund_until, amount: before.amount, handed_on: true });
  const page = (await buyer.get(`/pay/orders/${order}?lang=en`)).text;
  assert.match(page, /The event has a new date, shown below/);
  assert.match(page, /June 1, 2031|1 June 2031/);
  assert.match((await buyer.get(`/pay/tickets/${order}?lang=en`)).text, /June 1, 2031|1 June 2031/);
  await until('both mails', () => mailsOf(order, 'postponed-1').length === 1 && mailsOf(other, 'postponed-1').length === 1);
  const words = wordsOf(mailsOf(order, 'postponed-1')[0]);
  assert.match(words, /The event has a new date/);
  assert.match(words, /2031/);
  assert.match(words, /Refundable until: /);
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/refund`)).status, 202);
  assert.equal((await world.untilStatus(buyer, order, 'refunded')).refunded, before.amount);
});

test('the same again writes to nobody, another date to everybody who still has a ticket', async () => {
  const fresh = await buy(); // for the new date
  assert.deepEqual((({ refund, starts_at: starts }) => [refund.by, starts])(await buyer.read(fresh)), ['operator', NEW.starts_at]);
  assert.equal((await postpone(NEW)).json.times, 1);
  const longer = { ...NEW, refund_until: '2031-05-02T10:00:00.000Z', doors_at: '2031-06-01T09:00:00.000Z' };
  assert.deepEqual((({ json: { times, refund_until: until, mails_waiting: mails } }) => [times, until, mails])(await postpone(longer)), [1, longer.refund_until, 0]);
  assert.equal((await buyer.read(fresh)).refund.by, 'operator');
  const friend = await world.login();
  for (const ticket of await buyer.tickets(fresh)) await world.handOn(ticket, buyer, friend);
  const again = await postpone({ ...NEW, starts_at: '2031-07-01T10:00:00.000Z' });
  assert.deepEqual([again.json.times, again.json.mails_waiting], [2, 3]);
  const mails = await until('the mails', () => mailsOf(fresh, 'postponed-2').length === 2 && mailsOf(fresh, 'postponed-2'));
  // Only the buyer can have the order refunded.
  assert.deepEqual(new Map(mails.map((mail) => [mail.to, /refund|환불/i.test(wordsOf(mail))])), new Map([['argon2id@example.com', true], ['bcrypt@example.com', false]]));
  assert.equal((await buyer.read(fresh)).refund.by, 'buyer');
  await until('no mail to wait', async () => (await world.pay.admin.get(PATH)).json.mails_waiting === 0);
  const about = (kind) => world.postgres.sql(`SELECT count(*) FROM pay.mail_outbox WHERE order_id = '${fresh}' AND kind = '${kind}'`, 'pay');
  assert.deepEqual([about('completed'), about('postponed-1')], ['1', '0'], 'no mail about a date that its buyer saw');
  const { acts } = (await world.pay.admin.get(`/admin/events/${EVENT}/audit`)).json;
  assert.equal(acts.filter(({ act }) => act === 'event-postponed').length, 3);
});

test('another date keeps the new venue, which tickets from before show', async () => {
  const order = await buy();
  const venue = { name: { en: 'Dome' }, address: { en: 'Busan' } };
  assert.deepEqual((await postpone({ ...NEW, venue })).json.venue, venue);
  assert.deepEqual((await buyer.get(`/v1/pay/orders/${order}/tickets`)).json.venue, venue);
  for (const page of ['orders', 'tickets']) assert.match((await buyer.get(`/pay/${page}/${order}?lang=en`)).text, /class="when"[^>]* data-venue="Dome, Busan"/);
  assert.deepEqual((await postpone({ ...NEW, starts_at: '2031-08-01T10:00:00.000Z' })).json.venue, venue);
});

test('no date is compared without a hall or a token for it', async () => {
  const body = (day) => ({ ...NEW, starts_at: `2031-08-${day}T10:00:00.000Z`, reason: 'the singer is ill' });
  world.seats.fault('GET /admin/events/', { status: 404, body: { code: 'event-unknown' } });
  assert.equal(assertStatus(await put(body('02')), 200).json.starts_at, body('02').starts_at);
  const keyless = await world.startPay({ keys: { seats_admin_token: '' } });
  assert.equal(assertStatus(await keyless.admin.put(PATH, { body: body('03') }), 200).json.starts_at, body('03').starts_at);
  await keyless.stop();
});

test('who has no ticket when the date changes gets the mail with the ticket', async () => {
  const moving = await buy();
  world.psp.autoPay = false;
  const unpaid = await world.ordered(buyer, world.hold());
  world.seats.fault('/move', 503, Infinity);
  const seats = (await buyer.read(moving)).seats.map((from) => ({ from, to: from.replace('A', 'B') }));
  assertStatus(await world.pay.admin.post(`/admin/orders/${moving}/move`, { body: { seats, reason: 'a camera' } }), 202);
  await until('its tickets to be void', () => world.postgres.sql(`SELECT count(*) FROM pay.ticket WHERE order_id = '${moving}' AND revoked_at IS NULL`, 'pay') === '0');
  const kind = `postponed-${(await postpone({ ...NEW, starts_at: '2031-09-01T10:00:00.000Z' })).json.times}`;
  world.seats.heal();
  await world.paid(buyer, unpaid);
  for (const order of [moving, unpaid]) await until('the mail', () => mailsOf(order, kind).length === 1);
  world.psp.autoPay = true;
});

test('a cancelled event is not postponed, and mails about its new date stay', async () => {
  await until('no mail to wait', async () => (await world.pay.admin.get(PATH)).json.mails_waiting === 0);
  const waiting = () => world.postgres.sql("SELECT count(*) FROM pay.mail_outbox WHERE kind LIKE 'postponed-%' AND done_at IS NULL", 'pay');
  world.postgres.sql("UPDATE pay.mail_outbox SET done_at = NULL, due_at = now() + interval '1 hour' WHERE kind LIKE 'postponed-%'", 'pay');
  assert.notEqual(waiting(), '0');
  assertStatus(await world.pay.admin.post(`/admin/events/${EVENT}/cancellation`, { body: { reason: 'still ill' } }), 202);
  const sent = () => world.smtp.mails.filter(({ text }) => /\.postponed-\d+@/.test(text)).length;
  const before = sent();
  world.postgres.sql("UPDATE pay.mail_outbox SET due_at = now() WHERE kind LIKE 'postponed-%'", 'pay');
  await until('the mails to be passed over', () => waiting() === '0');
  assert.equal(sent(), before);
  const { json: { times } } = await world.pay.admin.get(PATH);
  assertProblem(await postpone(NEW), 409, 'event-cancelled');
  assert.equal((await world.pay.admin.get(PATH)).json.times, times);
});
