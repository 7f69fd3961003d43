// Tickets at the door: verified offline, used once, transferred, revoked.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, assertStatus, mangled, openScope, runProgram, until } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
const hashes = join(scope.tempDir('hashes-'), 'secret');
writeFileSync(hashes, 'of the hashes of holders, for itself', { mode: 0o600 });
const world = await openWorld(scope, { keys: { hashes } });
world.psp.autoPay = true;
const buyer = await world.login();

async function tickets(owner = buyer) {
  const order = await world.orderedAs(owner, 'completed');
  return { order, tickets: await owner.tickets(order) };
}

async function doorFiles() {
  const dir = scope.tempDir('door-');
  const keys = await world.pay.http.get('/v1/pay/ticket-keys');
  const revoked = await world.pay.http.get(`/v1/pay/events/${EVENT}/revoked-tickets`);
  writeFileSync(join(dir, 'keys.json'), keys.text);
  writeFileSync(join(dir, 'revoked.json'), revoked.text);
  return ['--keys', join(dir, 'keys.json'), '--event', EVENT, '--revoked', join(dir, 'revoked.json')];
}

const verify = (files, token) => runProgram('payment-adapter', ['verify-ticket', ...files, token]);

test('the list of revoked tickets is there for the longest name that an event may have', async () => {
  const event = 'e'.repeat(64);
  const answer = assertStatus(await world.pay.http.get(`/v1/pay/events/${event}/revoked-tickets`), 200);
  const { as_of, ...list } = answer.json;
  assert.ok(Math.abs(Date.parse(as_of) - Date.now()) < 60_000);
  assert.deepEqual(list, { event, after: null, next: null, complete: true, revoked: [] });
  assert.equal((await world.pay.http.get(`/v1/pay/events/${event}e/revoked-tickets`)).status, 404);
});

test('a ticket is verified by the public keys alone', async () => {
  const { tickets: [ticket] } = await tickets();
  const files = await doorFiles();
  const good = verify(files, ticket.token);
  assert.equal(good.status, 0, good.stdout + good.stderr);
  assert.match(good.stdout, new RegExp(`^GOOD ticket ${ticket.ticket} event ${EVENT} seat ${ticket.seat} `));
  const [head, claims, signature] = ticket.token.split('.');
  const forged = verify(files, [head, claims, mangled(signature)].join('.'));
  assert.equal(forged.status, 1);
  assert.match(forged.stdout, /^BAD /);
  const piped = runProgram('payment-adapter', ['verify-ticket', ...files], { input: `${ticket.token}\n` });
  assert.equal(piped.status, 0);
  assert.equal(verify(['--keys', '/nowhere', '--event', EVENT], ticket.token).status, 2);
});

test('of ten gates that scan one ticket one lets it in', async () => {
  const { tickets: [ticket] } = await tickets();
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => world.scan(ticket.token, `gate-${i}`)));
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

test('a door without a network merges later, and the second scan of a ticket is reported', async () => {
  const { order, tickets: [first, second] } = await tickets();
  const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
  const merge = (gate, scans) => world.pay.admin.post('/admin/checkin', { body: { event: EVENT, gate, scans } });
  const scans = [{ token: first.token, at: at(30) }, { token: second.token, at: at(29) }];
  const north = await merge('north', scans);
  assert.deepEqual(north.json.results.map(({ admit }) => admit), [true, true]);
  // The same scans again, after a broken call, do not count as second persons.
  const again = await merge('north', scans);
  assert.deepEqual(again.json.results.map(({ admit }) => admit), [true, true]);
  const south = await merge('south', [{ token: first.token, at: at(28) }, { token: 'FGT1.x.y', at: at(27) }]);
  assert.deepEqual(south.json.results.map(({ admit, code }) => [admit, code]), [
    [false, 'already-used'],
    [false, 'forged'],
  ]);
  // But a copy that the same door admits a minute later counts as another person.
  const copy = await merge('north', [{ token: second.token, at: at(26) }]);
  assert.deepEqual(copy.json.results.map(({ code }) => code), ['already-used']);
  const { conflicts } = (await world.pay.admin.get(`/admin/events/${EVENT}/doors`)).json;
  assert.deepEqual(conflicts.map(({ ticket, gate, reason }) => [ticket, gate, reason]), [
    [second.ticket, 'north', 'already-used'],
    [first.ticket, 'south', 'already-used'],
  ]);
  // Nor after a re-entry at another gate, or an undo, which stays.
  const other = await scanner('south');
  for (const act of ['/checkout', '/checkin']) assertStatus(await other.post(act, { token: first.token, ...(act === '/checkout' && { reason: 'a break' }) }), 200);
  assertStatus(await world.pay.admin.post('/admin/checkin/undo', { body: { event: EVENT, gate: 'north', token: second.token, reason: 'a slip' } }), 200);
  assert.deepEqual((await merge('north', scans)).json.results.map(({ admit }) => admit), [true, true]);
  assert.deepEqual((await buyer.tickets(order)).map(({ state }) => state), ['used', 'valid']);
});

test('a scan whose online answer was lost is not a second person when it is sent again', async () => {
  const { tickets: [ticket] } = await tickets();
  const [here, there] = [await scanner('lift'), await scanner('stairs')];
  const at = new Date(Date.now() - 5000).toISOString();
  const one = { token: ticket.token, at };
  assertStatus(await here.post('/checkin', one), 200);
  assertStatus(await here.post('/checkin', one), 200);
  const [later] = assertStatus(await here.post('/checkin', { scans: [one] }), 200).json.results;
  assert.equal(later.admit, true);
  for (const [other, more] of [[there, one], [here, { token: ticket.token }], [here, { ...one, at: new Date().toISOString() }]])
    assert.equal(assertStatus(await other.post('/checkin', more), 409).json.code, 'already-used');
  const { conflicts } = (await world.pay.admin.get(`/admin/events/${EVENT}/doors`)).json;
  assert.deepEqual(conflicts.filter((each) => each.ticket === ticket.ticket), []);
});

test('a scan by a fast clock counts from when it arrived, and is never lost', async () => {
  const { tickets: [ticket, other] } = await tickets();
  const [fast, here] = [await scanner('fast'), await scanner('here')];
  const at = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();
  const late = (time) => assert.ok(Date.parse(time) <= Date.now() + 1000, `${time} is to come`);
  const scans = [{ token: ticket.token, at: at(60) }, { token: other.token, at: at(61) }];
  const merge = async (list = scans) => (await fast.post('/checkin', { scans: list })).json.results;
  assert.deepEqual((await merge()).map(({ admit }) => admit), [true, true]);
  assert.deepEqual((await merge()).map(({ admit, again }) => [admit, again]), [[true, undefined], [true, undefined]]);
  const [copy] = await merge([{ token: ticket.token, at: at(62) }]);
  assert.deepEqual([copy.admit, copy.code, copy.gate], [false, 'already-used', 'fast']);
  late(copy.at);
  const { conflicts } = (await world.pay.admin.get(`/admin/events/${EVENT}/doors`)).json;
  late(conflicts.find((one) => one.ticket === ticket.ticket).scanned_at);

  assert.equal((await here.post('/checkout', { token: ticket.token, reason: 'a break' })).status, 200);
  assert.deepEqual((await merge(scans.slice(0, 1))).map(({ admit, again }) => [admit, again]), [[true, undefined]]);
  const back = await here.post('/checkin', { token: ticket.token });
  assert.deepEqual([back.status, back.json.again], [200, true], back.text);

  assert.equal((await here.post('/checkout', { token: ticket.token, reason: 'a break' })).status, 200);
  assert.equal((await merge([{ token: ticket.token, at: at(120) }]))[0].again, true);
  assert.equal((await fast.post('/undo', { token: ticket.token, reason: 'a slip' })).status, 200);
  assert.equal((await here.post('/checkin', { token: ticket.token })).status, 200);

  // A stopped clock shows a time that is not before the ticket's.
  const { tickets: [third] } = await tickets();
  const first = await merge([{ token: third.token, at: '1970-01-01T00:00:00Z' }]);
  assert.equal(first[0].admit, true);
  const used = await here.post('/checkin', { token: third.token });
  assert.equal(used.json.code, 'already-used');
  assert.ok(Date.parse(used.json.at) >= Date.parse(third.issued_at), `${used.json.at} is before ${third.issued_at}`);
});

test('scans by a clock an hour off count by their age, if the gate sends its time', async () => {
  const here = await scanner('here');
  for (const [off, ago, wanted] of [[-60, 0, [true, true]], [60, 10, [false, undefined]]]) {
    const { tickets: [{ token }] } = await tickets();
    const its = (minutes) => new Date(Date.now() + (off - minutes) * 60_000).toISOString();
    for (const act of ['/checkin', '/checkout']) assertStatus(await here.post(act, { token, ...(act === '/checkout' && { reason: 'a break' }) }), 200);
    const gate = await scanner(`off by ${off}`);
    const merged = await gate.post('/checkin', { scans: [{ token, at: its(ago) }], sent_at: its(0) });
    assert.deepEqual(assertStatus(merged, 200).json.results.map(({ admit, again }) => [admit, again]), [wanted], `off by ${off} minutes`);
    assert.equal((await here.post('/checkin', { token })).status, wanted[0] ? 409 : 200, 'it is inside or not');
  }
});

const pathOf = (ticket, act) => `/v1/pay/tickets/${ticket.ticket}/${act}`;
const drop = (visitor, path) => world.pay.http.delete(path, { headers: visitor.jar.headers });

test('without a script a ticket is offered, kept and taken by forms, and the page says what was refused', async () => {
  const { order, tickets: [ticket] } = await tickets();
  const friend = await world.login('argon2id@example.com');
  const back = `/pay/tickets/${order}`;
  const send = async (visitor, act, fields) => (await world.pay.http.post(pathOf(ticket, act), {
    headers: { ...visitor.jar.headers, origin: `http://127.0.0.1:${world.pay.port}`, 'content-type': 'application/x-www-form-urlencoded' }, body: String(new URLSearchParams({ back, ...fields })),
  })).headers.location;
  const page = async (visitor, query = '') => (await visitor.get(`${back}${query}`)).text;
  assert.ok((await page(buyer)).includes(`action="${pathOf(ticket, 'transfer')}"`));
  assert.equal(await send(buyer, 'transfer', { to: buyer.member }), `${back}?refused=to-yourself`);
  assert.match(await page(buyer, '?refused=to-yourself&lang=en'), /id="notice" role="alert">This is your own member number/);
  assert.equal(await send(buyer, 'transfer', { to: friend.member }), back);
  assert.ok((await page(friend)).includes(`action="${pathOf(ticket, 'accept')}"`));
  assert.equal(await send(buyer, 'transfer', { act: 'keep' }), back);
  assert.equal(await send(friend, 'accept'), `${back}?refused=ticket-unknown`);
  assert.equal(await send(buyer, 'transfer', { to: friend.member }), back);
  assert.equal(await send(friend, 'accept'), back);
  assert.match(await page(friend), /<div class="code"><svg/);
});

test('a ticket that is handed on is its owner\'s until the other takes it, and then good for them only', async () => {
  const { order, tickets: [ticket, other] } = await tickets();
  const friend = await world.login('argon2id@example.com');
  const stranger = await world.login('pbkdf2@example.com');
  assertProblem(await friend.post(pathOf(ticket, 'transfer'), { to: friend.member }), 404, 'ticket-unknown');
  assertProblem(await buyer.post(pathOf(ticket, 'transfer'), { to: buyer.member }), 422, 'to-yourself');
  assertProblem(await friend.post(pathOf(ticket, 'accept')), 404, 'ticket-unknown');
  const offered = await buyer.post(pathOf(ticket, 'transfer'), { to: friend.member });
  assert.deepEqual([offered.status, offered.json], [202, { ticket: ticket.ticket, offered_to: friend.member }]);
  assert.deepEqual((await buyer.tickets(order)).map(({ state, offered_to }) => [state, offered_to]), [['valid', friend.member], ['valid', undefined]]);
  assert.deepEqual((await friend.tickets(order)).map(({ ticket: id, state, token, qr }) => [id, state, token, qr]), [[ticket.ticket, 'offered', undefined, undefined]]);
  assertProblem(await stranger.get(`/v1/pay/orders/${order}/tickets`), 404, 'tickets-unknown');
  assertProblem(await stranger.post(pathOf(ticket, 'accept')), 404, 'ticket-unknown');
  assert.match((await friend.get(`/pay/tickets/${order}?lang=en`)).text, /This ticket is offered to you.*data-take=/);
  assert.match((await buyer.get(`/pay/tickets/${order}?lang=ko`)).text, /받을 때까지는 회원님의 티켓입니다.*data-keep=/);
  const [taken, repeated] = await Promise.all([1, 2].map(() => friend.post(pathOf(ticket, 'accept'))));
  for (const again of [repeated, await friend.post(pathOf(ticket, 'accept'))]) assert.deepEqual([again.status, again.json], [201, taken.json]);
  assertProblem(await buyer.post(pathOf(ticket, 'accept')), 404, 'ticket-unknown');
  assertProblem(await buyer.post(pathOf(ticket, 'transfer'), { to: friend.member }), 409, 'not-transferable');
  const theirs = await friend.tickets(order);
  assert.deepEqual(theirs.map(({ ticket: id, seat }) => [id, seat]), [[taken.json.ticket, ticket.seat]]);
  assert.deepEqual((await buyer.tickets(order)).map(({ ticket: id }) => id), [other.ticket]);
  const old = assertStatus(await world.scan(ticket.token, 'gate'), 409);
  assert.equal(old.json.code, 'revoked');
  assert.match(verify(await doorFiles(), ticket.token).stdout, /^REVOKED /);
  assert.equal((await world.scan(theirs[0].token, 'gate')).status, 200);
  assertProblem(await friend.post(pathOf(theirs[0], 'transfer'), { to: '1' }), 409, 'not-transferable');
});

test('an offer reveals no membership and can be taken back', async () => {
  const { order, tickets: [ticket] } = await tickets();
  // Reads the table: the metric lags behind, and each mail that is still due requests an address.
  await until('the mails to be sent', () => world.postgres.sql('SELECT count(*) FROM pay.mail_outbox WHERE done_at IS NULL', 'pay') === '0');
  const before_ = (await world.pay.metrics()).get('fairgate_users_db_queries_total');
  const [somebody, nobody] = [await buyer.post(pathOf(ticket, 'transfer'), { to: '2' }), await buyer.post(pathOf(ticket, 'transfer'), { to: '99999' })];
  assert.deepEqual([somebody.status, nobody.status], [202, 202]);
  assert.deepEqual(Object.keys(somebody.json), Object.keys(nobody.json));
  assert.equal((await world.pay.metrics()).get('fairgate_users_db_queries_total'), before_);
  const friend = await world.login('argon2id@example.com');
  assert.equal(friend.member, '2');
  assertProblem(await friend.post(pathOf(ticket, 'accept')), 404, 'ticket-unknown'); // the second offer replaced the first
  assert.equal((await buyer.post(pathOf(ticket, 'transfer'), { to: '2' })).status, 202);
  assert.equal((await drop(buyer, pathOf(ticket, 'transfer'))).status, 204);
  assertProblem(await friend.post(pathOf(ticket, 'accept')), 404, 'ticket-unknown');
  assert.equal((await world.scan(ticket.token, 'gate')).status, 200);
  assert.equal((await buyer.tickets(order))[0].state, 'used');
});

test('a ticket goes through a bounded number of hands, and nobody hands on without end', async () => {
  const both = [await world.login('user130@example.com'), await world.login('user131@example.com')]; // nobody else uses up their rate
  const [giver, friend] = both;
  const { order, tickets: [first] } = await tickets(giver);
  let ticket = first;
  for (let hop = 0; hop < 8; hop += 1) {
    const [from, to] = [both[hop % 2], both[(hop + 1) % 2]];
    ticket = await world.handOn(ticket, from, to);
  }
  assertProblem(await giver.post(pathOf(ticket, 'transfer'), { to: friend.member }), 409, 'not-transferable');
  assert.equal((await giver.tickets(order)).length, 2);
  const tooFast = await until('one too many', async () => {
    const many = await Promise.all(Array.from({ length: 40 }, () => friend.post(pathOf(ticket, 'transfer'), { to: '1' })));
    return many.find(({ status }) => status === 429);
  });
  assertProblem(tooFast, 429, 'too-fast');
});

// Restores the database to before `friend` accepted the ticket. Returns the token that `friend` has.
async function transferLost(friend, ticket, order) {
  world.sql(`UPDATE pay.ticket SET offered_to = '${friend.member}' WHERE id = '${ticket.ticket}'`);
  const { ticket: taken } = (await friend.post(pathOf(ticket, 'accept'))).json;
  const { token } = (await friend.tickets(order)).find(({ ticket: id }) => id === taken);
  world.sql(`DELETE FROM pay.ticket WHERE id = '${taken}'; UPDATE pay.ticket SET revoked_at = NULL, replaced_by = NULL WHERE id = '${ticket.ticket}'`);
  return { token, taken };
}

test('a ticket that a restore lost takes the place of the one before it, and of the two forms one comes in', async () => {
  const { order, tickets: [first, second] } = await tickets();
  const friend = await world.login('argon2id@example.com');
  const lost = await transferLost(friend, first, order);
  assert.deepEqual((await world.scan(lost.token, 'gate')).json, { ticket: lost.taken, seat: first.seat, event: EVENT, admit: true });
  assert.equal((await world.scan(first.token, 'gate')).json.code, 'revoked');
  assert.match(verify(await doorFiles(), first.token).stdout, /^REVOKED /);
  assert.deepEqual((await audit(lost.taken)).map(([act]) => act), ['in', 'ticket-restored']);

  const late = await transferLost(friend, second, order);
  assert.equal((await world.scan(second.token, 'gate')).status, 200);
  const at = new Date(Date.now() - 60_000).toISOString();
  for (let time = 0; time < 2; time += 1) assert.deepEqual([(await world.scan(late.token, 'gate')).status], [404]);
  await world.pay.admin.post('/admin/checkin', { body: { event: EVENT, gate: 'west', scans: [{ token: late.token, at }] } });
  const { conflicts } = (await world.pay.admin.get(`/admin/events/${EVENT}/doors`)).json;
  assert.deepEqual(conflicts.filter(({ ticket }) => ticket === late.taken).map(({ seat, order: of, gate, reason }) => [seat, of, gate, reason]), [
    [second.seat, order, 'west', 'unknown'], [second.seat, order, 'gate', 'unknown'],
  ]);
});

test('of a scan and a transfer that meet one comes through', async () => {
  for (let i = 0; i < 25; i += 1) {
    const friend = await world.login(`user${100 + i}@example.com`); // each with a separate rate limit
    const giver = await world.login('bcrypt@example.com');
    const order = await world.orderedAs(giver, 'completed');
    for (const ticket of await giver.tickets(order)) {
      world.postgres.sql(`UPDATE pay.ticket SET offered_to = '${friend.member}' WHERE id = '${ticket.ticket}'`, 'pay');
      const [taken, scanned] = await Promise.all([friend.post(pathOf(ticket, 'accept')), world.scan(ticket.token)]);
      assert.deepEqual([taken.status, scanned.status].sort(), taken.status === 201 ? [201, 409] : [200, 409]);
    }
  }
});

test('of a scan and a refund that meet one comes through', async () => {
  for (let i = 0; i < 25; i += 1) {
    const { order, tickets: [ticket] } = await tickets();
    const [back, scanned] = await Promise.all([buyer.post(`/v1/pay/orders/${order}/refund`), world.scan(ticket.token)]);
    assert.deepEqual([back.status, scanned.status].sort(), back.status === 202 ? [202, 409] : [200, 409]);
  }
});

test('a ticket that was refunded or handed on after an offline door let it in is a conflict on record', async () => {
  const { order, tickets: [ticket] } = await tickets();
  const at = new Date(Date.now() - 60_000).toISOString();
  world.postgres.sql(`UPDATE pay.ticket SET issued_at = issued_at - interval '1 hour' WHERE id = '${ticket.ticket}'`, 'pay');
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/refund`)).status, 202);
  await world.untilStatus(buyer, order, 'refunded');
  const merged = await world.pay.admin.post('/admin/checkin', { body: { event: EVENT, gate: 'west', scans: [{ token: ticket.token, at }] } });
  assert.deepEqual(merged.json.results.map(({ admit, code }) => [admit, code]), [[false, 'revoked']]);
  const { conflicts } = (await world.pay.admin.get(`/admin/events/${EVENT}/doors`)).json;
  assert.deepEqual(conflicts.filter((one) => one.order === order).map(({ ticket: id, seat, gate, scanned_at, reason }) => [id, seat, gate, scanned_at, reason]), [
    [ticket.ticket, ticket.seat, 'west', at, 'revoked'],
  ]);
});

async function scanner(gate, { event = EVENT, ...more } = {}) {
  const made = assertStatus(await world.pay.admin.post(`/admin/events/${event}/scanners`, { body: { gate, reason: 'for the evening', ...more } }), 201);
  const headers = { authorization: `Bearer ${made.json.token}` };
  const call = (method, path, body) => world.pay.http[method](`/v1/pay/door${path}`, { headers, ...(body ? { body } : {}) });
  return { ...made.json, get: () => call('get', ''), post: (path, body) => call('post', path, body) };
}

const audit = async (subject) => (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${subject}`)).json.acts.map(({ act, actor, gate, reason }) => [act, actor, gate, reason]);

test('a scanner admits tickets of its own event only', async () => {
  const { tickets: [ticket] } = await tickets();
  const other = await scanner('A', { event: 'matinee' });
  const here = await scanner('A');
  const refused = await other.post('/checkin', { token: ticket.token });
  assert.deepEqual([refused.status, refused.json.code, refused.json.event], [409, 'other-event', EVENT]);
  const wrong = await world.pay.admin.post('/admin/checkin', { body: { event: 'matinee', gate: 'A', token: ticket.token } });
  assert.deepEqual([wrong.status, wrong.json.code], [409, 'other-event']);
  assertProblem(await world.pay.admin.post('/admin/checkin', { body: { gate: 'A', token: ticket.token } }), 400, 'bad-request');
  assert.equal(assertStatus(await world.scan('FGT1.abc.def', 'A'), 404).json.code, 'forged');
  const me = await here.get();
  assert.deepEqual([me.json.scanner, me.json.event, me.json.gate], [here.scanner, EVENT, 'A']);
  const let_in = await here.post('/checkin', { token: ticket.token });
  assert.deepEqual([let_in.status, let_in.json.admit], [200, true]);
  const merged = await here.post('/checkin', { scans: [{ token: ticket.token, at: new Date(Date.now() - 60_000).toISOString() }] });
  assert.deepEqual(merged.json.results.map(({ code }) => code), ['already-used']);
  assert.deepEqual(await audit(ticket.ticket), [['in', here.scanner, 'A', undefined]]);
});

test('the trail without scans has the acts before a full house came in', async () => {
  const made = await scanner('A');
  world.postgres.sql(`INSERT INTO pay.audit (event, act, subject, actor, gate) SELECT '${EVENT}', 'in', 't' || n, 's', 'A' FROM generate_series(1, 250) n`, 'pay');
  const acts = async (query) => assertStatus(await world.pay.admin.get(`/admin/events/${EVENT}/audit?${query}`), 200).json.acts;
  assert.ok((await acts('')).every(({ act }) => act === 'in'));
  assert.deepEqual((await acts('scans=false')).map(({ subject }) => subject).slice(0, 1), [made.scanner]);
  assert.deepEqual((await acts('limit=251')).length, 251);
  assertProblem(await world.pay.admin.get(`/admin/events/${EVENT}/audit?limit=1001`), 400, 'bad-request');
});

test('a scanner ends when it is revoked or runs out, and its token is nowhere in the database', async () => {
  const { tickets: [ticket] } = await tickets();
  const lost = await scanner('B');
  const old = await scanner('B', { expires_in_s: 60 });
  const dump = world.postgres.sql("SELECT string_agg(s::text, ' ') FROM pay.scanner s", 'pay');
  assert.ok(!dump.includes(lost.token) && !dump.includes(lost.token.slice(5)));
  assert.equal((await lost.get()).status, 200);
  const path = `/admin/events/${EVENT}/scanners/${lost.scanner}/revoke`;
  assert.equal((await world.pay.admin.post(path, { body: { reason: 'left in a taxi' } })).status, 204);
  assert.equal((await world.pay.admin.post(path, { body: { reason: 'once more' } })).status, 204);
  assertProblem(await world.pay.admin.post(path.replace(EVENT, 'matinee'), { body: { reason: 'not theirs' } }), 404, 'scanner-unknown');
  assertProblem(await lost.post('/checkin', { token: ticket.token }), 401, 'scanner-unknown');
  assert.equal((await old.get()).status, 200);
  world.postgres.sql(`UPDATE pay.scanner SET expires_at = now() WHERE id = '${old.scanner}'`, 'pay');
  assertProblem(await old.get(), 401, 'scanner-unknown');
  assertProblem(await world.pay.http.get('/v1/pay/door'), 401, 'scanner-required');
  assert.deepEqual(await audit(lost.scanner), [
    ['scanner-revoked', 'operator', 'B', 'left in a taxi'],
    ['scanner-created', 'operator', 'B', 'for the evening'],
  ]);
  const { scanners } = (await world.pay.admin.get(`/admin/events/${EVENT}/scanners`)).json;
  assert.deepEqual(scanners.filter(({ gate }) => gate === 'B').map(({ scanner: id, good, token }) => [id, good, token]), [
    [old.scanner, false, undefined],
    [lost.scanner, false, undefined],
  ]);
  assertProblem(await world.pay.admin.post(`/admin/events/${EVENT}/scanners`, { body: { gate: 'B' } }), 400, 'bad-request');
  assert.throws(() => world.postgres.sql('DELETE FROM pay.audit', 'pay'), /append-only/);
});

test('a visitor may leave and come in again, and a scan by mistake can be undone', async () => {
  const { order, tickets: [ticket, slip] } = await tickets();
  const [here, there] = [await scanner('C'), await scanner('D')];
  assertProblem(await here.post('/checkout', { token: ticket.token, reason: 'a break' }), 409, 'not-inside');
  assert.equal((await here.post('/checkin', { token: ticket.token })).status, 200);
  const out = await there.post('/checkout', { token: ticket.token, reason: 'a break' });
  assert.deepEqual([out.status, out.json.act], [200, 'out']);
  assertProblem(await there.post('/checkout', { token: ticket.token, reason: 'a break' }), 409, 'not-inside');
  assertProblem(await buyer.post(`/v1/pay/orders/${order}/refund`), 409, 'not-refundable');
  const back = await Promise.all([here, there, here].map((one) => one.post('/checkin', { token: ticket.token })));
  assert.deepEqual(back.map(({ status }) => status).sort(), [200, 409, 409]);
  assert.equal(back.find(({ status }) => status === 200).json.again, true);
  assert.deepEqual((await audit(ticket.ticket)).map(([act]) => act), ['in-again', 'out', 'in']);

  assert.equal((await here.post('/checkin', { token: slip.token })).status, 200);
  assertProblem(await there.post('/undo', { token: slip.token, reason: 'the wrong one' }), 409, 'not-undoable');
  assertProblem(await here.post('/undo', { token: slip.token }), 400, 'bad-request');
  const byOperator = (gate) => world.pay.admin.post('/admin/checkin/undo', { body: { event: EVENT, gate, token: slip.token, reason: 'called by phone' } });
  assertProblem(await byOperator('D'), 409, 'not-undoable');
  assert.equal((await byOperator('C')).status, 200);
  assert.equal((await here.post('/checkin', { token: slip.token })).status, 200);
  assert.equal((await here.post('/undo', { token: slip.token, reason: 'the wrong one' })).status, 200);
  assertProblem(await here.post('/undo', { token: slip.token, reason: 'the wrong one' }), 409, 'not-undoable');
  assert.deepEqual((await audit(slip.ticket)).map(([act, actor, gate, reason]) => [act, actor, gate, reason]), [
    ['undo', here.scanner, 'C', 'the wrong one'],
    ['in', here.scanner, 'C', undefined],
    ['undo', 'operator', 'C', 'called by phone'],
    ['in', here.scanner, 'C', undefined],
  ]);
  const states = (await buyer.tickets(order)).map(({ state }) => state);
  assert.deepEqual(states, ['used', 'valid']);
  assert.equal((await there.post('/checkin', { token: slip.token })).status, 200);
  world.postgres.sql(`UPDATE pay.checkin SET recorded_at = recorded_at - interval '11 minutes' WHERE ticket = '${slip.ticket}'`, 'pay');
  assertProblem(await there.post('/undo', { token: slip.token, reason: 'much later' }), 409, 'not-undoable');
});

test('a scanner that asks too fast is slowed down, and another is not', async () => {
  const [quick, other] = [await scanner('E'), await scanner('F')];
  const slowed = await until('many of a hundred to be too many', async () => { // if they are slow, all may be accepted
    const answers = await Promise.all(Array.from({ length: 100 }, () => quick.get()));
    const some = answers.filter(({ status }) => status === 429);
    return some.length >= 20 && some;
  }, { everyMs: 0 });
  assertProblem(slowed[0], 429, 'too-fast');
  assert.equal((await other.get()).status, 200);
});

test('a ticket of a void order opens no door without a network', async () => {
  const { order, tickets: [ticket] } = await tickets();
  assert.equal(verify(await doorFiles(), ticket.token).status, 0);
  world.postgres.sql(`INSERT INTO pay.void_order (id) VALUES ('${order}')`, 'pay');
  const { status, stdout } = verify(await doorFiles(), ticket.token);
  assert.equal(status, 1);
  assert.match(stdout, new RegExp(`^REVOKED ticket ${ticket.ticket} `));
});

test('the list of revoked tickets is whole or says that it is not, and a door goes by a whole one', async () => {
  const { order, tickets: [ticket] } = await tickets();
  assert.equal((await buyer.post(`/v1/pay/orders/${order}/refund`)).status, 202);
  await world.untilStatus(buyer, order, 'refunded');
  assert.equal((await world.scan(ticket.token, 'gate')).json.code, 'revoked');
  const { tickets: [good] } = await tickets();
  world.postgres.sql(
    `INSERT INTO pay.ticket (id, order_id, event, seat, member, holder, kid, token, issued_at, revoked_at)
     SELECT 't_' || lpad(i::text, 20, '0'), '${order}', '${EVENT}', 'old', '1', '', '', '', now() - interval '1 day', now() - interval '1 day'
     FROM generate_series(1, 60000) i`,
    'pay',
  );
  const page = async (query = '') => (await world.pay.http.get(`/v1/pay/events/${EVENT}/revoked-tickets${query}`)).json;
  const [first, all] = [await page(), []];
  assert.equal(first.complete, false);
  const pages = [first];
  while (pages.at(-1).next) pages.push(await page(`?after=${pages.at(-1).next}`));
  for (const { revoked } of pages) all.push(...revoked);
  assert.ok(all.length > 60_000 && new Set(all).size === all.length);
  assert.ok(all.includes(ticket.ticket));
  assert.ok(pages.slice(1).every(({ complete }) => !complete), 'a page alone is never the whole');

  const dir = scope.tempDir('list-');
  const file = (name, text) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const keys = file('keys.json', (await world.pay.http.get('/v1/pay/ticket-keys')).text);
  const lists = pages.map((one, i) => ['--revoked', file(`${i}.json`, JSON.stringify(one))]);
  const by = (files, token, ...more) => verify(['--keys', keys, '--event', EVENT, ...files.flat(), ...more], token);
  assert.match(by(lists, good.token).stdout, /^GOOD /);
  assert.match(by(lists, ticket.token).stdout, /^REVOKED /);
  assert.match(by([...lists].reverse(), good.token).stdout, /^GOOD /);
  for (const part of [lists.slice(0, 1), lists.slice(1), []]) {
    const refused = by(part, good.token);
    assert.equal(refused.status, 2, refused.stdout);
    assert.match(refused.stderr, /incomplete/);
    assert.match(by(part, good.token, '--incomplete').stdout, /^GOOD /);
  }
  const foreign = by([['--revoked', file('foreign.json', JSON.stringify({ ...first, event: 'matinee' }))]], good.token, '--incomplete');
  assert.equal(foreign.status, 2);
  const elsewhere = verify(['--keys', keys, '--event', 'matinee', '--incomplete'], good.token);
  assert.deepEqual([elsewhere.status, elsewhere.stdout.slice(0, 4)], [1, 'BAD ']);
});

test('of orders whose tickets are asked for at once as many are drawn as there is room for', async () => {
  const seats = Array.from({ length: 100 }, (_, i) => `many-${i}`);
  const order = await world.orderedAs(buyer, 'completed', world.hold({ seats }));
  const list = () => buyer.get(`/v1/pay/orders/${order}/tickets`);
  const page = () => buyer.get(`/pay/tickets/${order}`);
  const ask = () => Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 ? page : list)()));
  const told = (await ask()).map(({ status, json }, i) => [i % 2 ? 'page' : 'list', status, json?.code ?? ''].join(' '));
  const wanted = ['list 200 ', 'list 503 overloaded', 'page 200 ', 'page 503 '];
  const kinds = new Set(told);
  const busy = kinds.delete('list 503 unavailable'); // the machine: some waited too long for the database
  assert.deepEqual([...kinds].sort(), busy ? wanted.filter((one) => kinds.has(one)) : wanted);
  for (const { status } of [await list(), await page()]) assert.equal(status, 200);
});

test('the scans of an offline door come in parts, between which other doors have their turn', async () => {
  const { tickets: [ticket] } = await tickets();
  const jobs = async () => (await world.pay.metrics()).get('fairgate_pay_db_jobs_total');
  const scans = Array.from({ length: 500 }, (_, i) => ({ token: ticket.token, at: new Date(Date.now() - 1000 * (i + 1)).toISOString() }));
  const unlock = await world.lock('pay', 'pay.checkin');
  const before = await jobs();
  const merged = world.pay.admin.post('/admin/checkin', { body: { event: EVENT, gate: 'north', scans } });
  await until('a scan to wait', () => world.postgres.sql("SELECT count(*) FROM pg_locks WHERE relation = 'pay.checkin'::regclass AND NOT granted", 'pay') !== '0');
  const begun = (await jobs()) - before;
  unlock();
  assert.ok(begun < 100, `${begun} at once`);
  const { results } = assertStatus(await merged, 200).json;
  assert.equal(results.length, 500);
  assert.deepEqual(results.filter(({ admit }) => admit).map((one) => one.ticket), [ticket.ticket]);
});
