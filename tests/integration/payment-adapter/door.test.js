// Tickets at the door: verified without a network, used once, handed on, revoked.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { assertProblem, openScope, runProgram } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope();
let world;
let buyer;
before(async () => {
  world = await openWorld(scope);
  world.psp.autoPay = true;
  buyer = await world.login();
});
after(() => scope.close());

async function tickets() {
  const { order } = (await world.order(buyer, world.hold())).json;
  await world.untilStatus(buyer, order, 'completed');
  const got = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json.tickets;
  return { order, tickets: got };
}

const scan = (gate, token) => world.pay.admin.post('/admin/checkin', { body: { gate, token } });

async function doorFiles() {
  const dir = scope.tempDir('door-');
  const keys = await world.pay.http.get('/v1/pay/ticket-keys');
  const revoked = await world.pay.http.get(`/v1/pay/events/${EVENT}/revoked-tickets`);
  writeFileSync(join(dir, 'keys.json'), keys.text);
  writeFileSync(join(dir, 'revoked.json'), revoked.text);
  return ['--keys', join(dir, 'keys.json'), '--revoked', join(dir, 'revoked.json')];
}

const verify = (files, token) => runProgram('payment-adapter', ['verify-ticket', ...files, token]);

test('the list of revoked tickets is there for the longest name that an event may have', async () => {
  const event = 'e'.repeat(64);
  const answer = await world.pay.http.get(`/v1/pay/events/${event}/revoked-tickets`);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json, { event, revoked: [] });
  assert.equal((await world.pay.http.get(`/v1/pay/events/${event}e/revoked-tickets`)).status, 404);
});

test('a ticket is verified by the public keys alone', async () => {
  const { tickets: [ticket] } = await tickets();
  const files = await doorFiles();
  const good = verify(files, ticket.token);
  assert.equal(good.status, 0, good.stdout + good.stderr);
  assert.match(good.stdout, new RegExp(`^GOOD ticket ${ticket.ticket} event ${EVENT} seat ${ticket.seat} `));
  const forged = verify(files, ticket.token.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')));
  assert.equal(forged.status, 1);
  assert.match(forged.stdout, /^BAD /);
  const piped = runProgram('payment-adapter', ['verify-ticket', ...files], { input: `${ticket.token}\n` });
  assert.equal(piped.status, 0);
  assert.equal(verify(['--keys', '/nowhere'], ticket.token).status, 2);
});

test('of ten gates that scan one ticket one lets it in', async () => {
  const { tickets: [ticket] } = await tickets();
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => scan(`gate-${i}`, ticket.token)));
  const admitted = answers.filter(({ status }) => status === 200);
  assert.equal(admitted.length, 1);
  const refused = answers.filter(({ status }) => status === 409);
  assert.equal(refused.length, 9);
  const winner = answers.findIndex(({ status }) => status === 200);
  for (const { json } of refused) {
    assert.equal(json.code, 'already-used');
    assert.equal(json.gate, `gate-${winner}`);
  }
});

test('a door without a network merges later, and the second of two is told', async () => {
  const { tickets: [first, second] } = await tickets();
  const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
  const merge = (gate, scans) => world.pay.admin.post('/admin/checkin', { body: { gate, scans } });
  const north = await merge('north', [{ token: first.token, at: at(30) }, { token: second.token, at: at(29) }]);
  assert.deepEqual(north.json.results.map(({ admit }) => admit), [true, true]);
  // The same door again, after a broken call: that is no second person.
  const again = await merge('north', [{ token: first.token, at: at(30) }]);
  assert.deepEqual(again.json.results.map(({ admit }) => admit), [true]);
  const south = await merge('south', [{ token: first.token, at: at(28) }, { token: 'FGT1.x.y', at: at(27) }]);
  assert.deepEqual(south.json.results.map(({ admit, code }) => [admit, code]), [
    [false, 'already-used'],
    [false, 'forged'],
  ]);
  const conflicts = world.postgres.rows('SELECT ticket, gate, reason FROM pay.checkin_conflict', 'pay');
  assert.deepEqual(conflicts, [{ ticket: first.ticket, gate: 'south', reason: 'already-used' }]);
});

test('a ticket that is handed on is good for its new owner only', async () => {
  const { order, tickets: [ticket, other] } = await tickets();
  const path = `/v1/pay/tickets/${ticket.ticket}/transfer`;
  const friend = await world.login('argon2id@example.com');
  assertProblem(await friend.post(path, { to: friend.member }), 404, 'ticket-unknown');
  // A number that is nobody's would lose the ticket for good.
  assertProblem(await buyer.post(path, { to: '99999' }), 422, 'member-unknown');
  const moved = await buyer.post(path, { to: friend.member });
  assert.equal(moved.status, 201, moved.text);
  assertProblem(await buyer.post(path, { to: friend.member }), 409, 'not-transferable');
  const theirs = (await friend.get(`/v1/pay/orders/${order}/tickets`)).json.tickets;
  assert.deepEqual(theirs.map(({ ticket: id, seat }) => [id, seat]), [[moved.json.ticket, ticket.seat]]);
  const mine = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json.tickets;
  assert.deepEqual(mine.map(({ ticket: id }) => id), [other.ticket]);
  const old = await scan('gate', ticket.token);
  assert.equal(old.status, 409);
  assert.equal(old.json.code, 'revoked');
  assert.match(verify(await doorFiles(), ticket.token).stdout, /^REVOKED /);
  assert.equal((await scan('gate', theirs[0].token)).status, 200);
  assertProblem(await friend.post(`/v1/pay/tickets/${moved.json.ticket}/transfer`, { to: '1' }), 409, 'not-transferable');
});

test('a refunded order has no ticket that opens a door, a used ticket no refund', async () => {
  const { order, tickets: [ticket] } = await tickets();
  await buyer.post(`/v1/pay/orders/${order}/refund`);
  await world.untilStatus(buyer, order, 'refunded');
  assert.equal((await scan('gate', ticket.token)).json.code, 'revoked');
  assert.match(verify(await doorFiles(), ticket.token).stdout, /^REVOKED /);

  const second = await tickets();
  assert.equal((await scan('gate', second.tickets[0].token)).status, 200);
  assertProblem(await buyer.post(`/v1/pay/orders/${second.order}/refund`), 409, 'not-refundable');
});

test('a door has to show the admin token, and forged tickets are 404', async () => {
  const answer = await world.pay.private.post('/admin/checkin', { body: { gate: 'g', token: 'x' } });
  assert.equal(answer.status, 401);
  const forged = await scan('gate', 'FGT1.abc.def');
  assert.equal(forged.status, 404);
  assert.equal(forged.json.code, 'forged');
  assertProblem(await world.pay.admin.post('/admin/checkin', { body: { gate: 'g' } }), 400, 'bad-request');
});
