// Without memory a caller's input is not read, so it must not be rejected as invalid. The caller has to retry, and nothing
// was done; the same request succeeds when there is memory.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { assertProblem, openMemory, openScope, runProgram, until } from '../lib-js/index.js';
import { commandLine, done, EXIT, refused } from './ctl/fairgate.js';
import { openWorld } from './payment-adapter/lib/world.js';
import { asMember, openShop } from './queue-front/shop.js';
import { hall, openPostgres, openSeats, opens, operator, saga, visitor } from './seat-service/site.js';
import { act, archiveOf, makeEvent, openSite, patch, startFront, untilState, Visitor } from './queue-front/support.js';

// A 503 with a time to retry.
function assertLater(answer, code) {
  assertProblem(answer, 503, code);
  assert.ok(Number(answer.headers['retry-after']) > 0, answer.text);
}

// Refused while JSON containing `text` cannot be read, and accepted unchanged when it can.
const takenLater = (memory) => async (text, status, ask, code = 'overloaded') => {
  assertLater(await memory.without(text, ask), code);
  const answer = await ask();
  assert.equal(answer.status, status, answer.text);
  return answer;
};

describe('a seat service without memory', () => {
  const scope = openScope(test);
  const memory = openMemory(scope);
  let seats;

  before(async () => {
    seats = await openSeats(scope, await openPostgres(scope), { env: memory.env });
    await operator(seats, 'night').import(hall());
    await until('the event', () => opens(seats, 'night'));
  });

  const assertTakenLater = takenLater(memory);
  const free = async () => (await operator(seats, 'night').counts()).json.now.free;

  test('requests without memory get 503, not 400, and change nothing', async () => {
    const guest = visitor(seats, 'night'), desk = operator(seats, 'night'), orders = saga(seats, 'night');
    const before = await free();
    const hold = () => guest.hold({ seats: ['r1s1', 'r1s2'] }, 'a-key');
    assertLater(await memory.without('"r1s2"', hold), 'overloaded');
    assert.equal(await free(), before);
    const held = await hold(); // under the same key
    assert.equal(held.status, 201, held.text);
    const { hold: id } = held.json;
    await assertTakenLater('"r1s3"', 200, () => guest.change(id, { add: ['r1s3'] }, 'another-key'));
    await assertTakenLater('"quantity":2', 200, () => guest.propose({ quantity: 2 }));
    assertLater(await memory.without('"CLUB-CODE"', () => guest.code('CLUB-CODE')), 'overloaded');
    await assertTakenLater('"o_scarce"', 200, () => orders.extend(id, 'o_scarce'));
    await assertTakenLater('"o_scarce"', 200, () => orders.confirm(id, 'o_scarce'));
    await assertTakenLater('"r2s1"', 200, () => orders.move(id, 'o_scarce', ['r1s1'], ['r2s1']));
    await assertTakenLater('"r9s9"', 200, () => desk.block({ seats: ['r9s9'], reason: 'a camera' }));
    await assertTakenLater('"Front"', 200, () => desk.price({ prices: { Front: 1000 } }));
    await assertTakenLater('"A late night"', 201, () => operator(seats, 'late').import(hall({ name: 'A late night' })));
  });

  test('an unread pass does not count as an invalid one', async () => {
    const guest = visitor(seats, 'night', { session: 'a-scarce-session' });
    const ask = () => guest.hold({ seats: ['r5s5'] });
    memory.lack('a-scarce-session');
    for (let i = 0; i < 50; i += 1) assertLater(await ask(), 'overloaded');
    memory.lack('');
    assert.equal((await ask()).status, 201);
  });

  test('an event with an unread document is out, and opens once it is read', async () => {
    await seats.stop();
    memory.lack('"Test night"');
    await seats.start(false);
    const told = async () => (await operator(seats).events()).json.events.find(({ event }) => event === 'night');
    await until('the event to be out', async () => /no memory/.test((await told())?.reason));
    assertLater(await visitor(seats, 'night').info(), 'event-out');
    memory.lack('');
    await until('the event', () => opens(seats, 'night'), { timeoutMs: 60_000 });
  });
});

describe('a payment adapter without memory', () => {
  const scope = openScope(test);
  const memory = openMemory(scope);
  let world, buyer;

  before(async () => {
    world = await openWorld(scope, { env: memory.env });
    buyer = await world.login();
  });

  const assertTakenLater = takenLater(memory);

  test("an unread pass, shop token or body is not invalid and works on retry", async () => {
    const held = world.hold();
    const order = () => world.order(buyer, held);
    const { json } = await assertTakenLater(`"sub":"${held.session}"`, 201, order, 'unavailable');
    await assertTakenLater(`"hold":"${held.hold}"`, 200, order, 'unavailable');
    const now = Math.floor(Date.now() / 1000);
    const token = world.queue.token({ iss: 'shop', aud: 'fairgate', sub: '84', jti: 'j-scarce', iat: now, exp: now + 60 }, { typ: 'JWT' });
    await assertTakenLater('"j-scarce"', 200, () => world.visitor().post('/v1/pay/login', { token }), 'login-busy');
    await assertTakenLater('"percent":', 200, () => buyer.get(`/v1/pay/orders/${json.order}`), 'unavailable');
  });

  test('verify-ticket fails if it cannot read the list of keys', () => {
    const dir = scope.tempDir('keys-');
    writeFileSync(join(dir, 'keys'), '{"keys":[]}', { mode: 0o600 });
    memory.lack('{"keys":[]}');
    const { status, stderr } = runProgram('payment-adapter', ['verify-ticket', 'x', '--keys', join(dir, 'keys'), '--event', 'gala'], { env: memory.env });
    memory.lack('');
    assert.equal(stderr, 'payment-adapter: no memory to read JSON of 11 bytes\n');
    assert.notEqual(status, 0);
  });
});

describe('a waiting room without memory', () => {
  const FAST = { rate_per_s: 1000, burst: 1000, max_active: 0 };
  const scope = openScope(test);
  const memory = openMemory(scope);
  const shop = openShop();
  let site, front, other; // one front lacks memory, the other does not

  before(async () => {
    site = await openSite(null, { scope, fronts: 0 });
    const config = { members: { keys: shop.file } };
    front = await startFront({ ...site, env: memory.env }, config);
    other = await startFront(site, config);
    Object.assign(site, { fronts: [front, other], front });
    await makeEvent(site, 'show', { ...FAST, seats_left: true });
    await makeEvent(site, 'fans', { rate_per_s: 0, code_required: true });
    await makeEvent(site, 'draft', { rate_per_s: 0 }, { open: false });
    await makeEvent(site, 'members', { ...FAST, member_required: true });
    await makeEvent(site, 'anybody', { rate_per_s: 0, lanes: [{ id: 'club', name: 'Club', share: 20 }] });
  });

  const assertTakenLater = takenLater(memory);
  const joinOf = (event, options) => new Visitor(front, event).join(options);

  test('an unread request leaves the log level unchanged', async () => {
    const ask = (level) => front.admin.put('/log/level', { body: { level } });
    await assertTakenLater('"debug"', 204, () => ask('debug'));
    await ask('info');
    assertProblem(await front.admin.put('/log/level', { body: '{', headers: { 'content-type': 'application/json' } }), 400, 'invalid-json');
  });

  test('operators\' unread requests get 503, not 400, and change nothing', async () => {
    const { admin } = front;
    const version = async (id) => (await admin.get(`/admin/events/${id}`)).json.version;
    const before = await version('draft');
    assertLater(await memory.without('"Lacking"', () => admin.put('/admin/events/lacking', { body: { name: 'Lacking' } })), 'overloaded');
    assertProblem(await admin.get('/admin/events/lacking'), 404, 'event-unknown');
    const answers = [
      ['"Other"', () => admin.patch('/admin/events/draft', { body: { name: 'Other' } })],
      ['"because"', () => admin.post('/admin/events/draft/actions/open', { body: { why: 'because' } })],
      ['"SCARCE-CODE"', () => admin.put('/admin/events/fans/codes', { body: { codes: ['SCARCE-CODE'] } })],
      ['4321', () => admin.put('/admin/events/show/seats-left', { body: { seats_left: 4321 } })],
    ];
    for (const [text, ask] of answers) assertLater(await memory.without(text, ask), 'overloaded');
    assert.equal(await version('draft'), before);
    assert.deepEqual((await admin.get('/admin/events/fans/codes')).json.codes, []);
    for (const [, ask] of answers) assert.ok([200, 204].includes((await ask()).status));
  });

  test('an unread presale code does not count as missing', async () => {
    await front.admin.put('/admin/events/fans/codes', { body: { codes: ['A-CODE-OF-MINE'] } });
    const options = { body: { code: 'A-CODE-OF-MINE' } };
    await assertTakenLater('A-CODE-OF-MINE', 201, () => joinOf('fans', options));
    // Where no code is required, a code that cannot be read is not ignored: the visitor does not join.
    await front.admin.put('/admin/events/anybody/codes', { body: { codes: ['GIVEN-TO-ME'], channel: 'friends' } });
    const before = await site.redis.command('GET', 'fg:{anybody}:seq');
    assertLater(await memory.without('GIVEN-TO-ME', () => joinOf('anybody', { body: { code: 'GIVEN-TO-ME' } })), 'overloaded');
    assert.equal(await site.redis.command('GET', 'fg:{anybody}:seq'), before);
  });

  test('an unread code still moves the place on retry', async () => {
    const laptop = new Visitor(front, 'fans');
    await front.admin.put('/admin/events/fans/codes', { body: { codes: ['FOR-A-MOVE'] } });
    await laptop.joined({ body: { code: 'FOR-A-MOVE' } });
    const { code } = (await laptop.call('POST', 'move', { body: {} })).json;
    await assertTakenLater(code, 200, () => new Visitor(front, 'fans').call('POST', 'move', { body: { code } }));
  });

  test('an unread member token neither rejects the member nor changes the lane', async () => {
    await assertTakenLater('"sub":"kim"', 201, () => joinOf('members', asMember(shop.token('kim'))));
    const club = asMember(shop.token('lee', { claims: { lane: 'club' } }));
    const joined = await assertTakenLater('"sub":"lee"', 201, () => joinOf('anybody', club));
    assert.equal(joined.json.lane, 'club');
    const page = await memory.without('"sub":"pat"', () => joinOf('members', {
      headers: { accept: 'text/html', 'x-member-token': shop.token('pat') }, body: '' }));
    assert.equal(page.headers.location, '/e/members?notice=overloaded');
  });

  test('an unread pass is not invalid and leads to no second place', async () => {
    const visitor = new Visitor(front, 'show');
    const place = await visitor.joined();
    const { session } = await visitor.entered();
    const asks = [[200, () => visitor.me()], [204, () => visitor.verify()], [200, () => visitor.session()], [200, () => visitor.join()]];
    for (const [status, ask] of asks) await assertTakenLater(session, status, ask);
    const issued = await site.redis.command('GET', 'fg:{show}:seq');
    assert.equal((await visitor.join()).json.position, place.position);
    assert.equal(await site.redis.command('GET', 'fg:{show}:seq'), issued);
    const page = () => front.http.get('/e/show', { headers: { ...visitor.jar.headers, accept: 'text/html' } });
    await assertTakenLater(session, 200, page);
    const form = await memory.without(session, () => visitor.session({ headers: { accept: 'text/html' }, body: '' }));
    assert.equal(form.headers.location, '/e/show?notice=overloaded');
    // By the pass alone, and by the order that came from it.
    const pass = visitor.jar.headers.cookie.match(/fg_pass_show=([^;]*)/)[1];
    assertLater(await memory.without(session, () => front.http.post('/v1/queue/show/leave', { headers: { cookie: `fg_pass_show=${pass}` } })), 'overloaded');
    const end = () => front.admin.post(`/internal/sessions/${session}/end`, { body: { order: 'o_scarce' } });
    await assertTakenLater('o_scarce', 204, end);
    await until('the visit to be through', async () => (await visitor.me()).json.place === 'done');
  });

  test('an unread pass leads to no second place after the call has expired', async () => {
    await makeEvent(site, 'short', { ...FAST, call_ttl_s: 15, grace_s: 0 });
    const visitor = new Visitor(front, 'short');
    const { position } = await visitor.joined();
    const { session } = await visitor.entered();
    const ticket = { cookie: visitor.jar.headers.cookie.match(/fg_ticket_short=[^;]*/)[0] };
    await until('the call to be over', async () => (await front.http.get('/v1/queue/short/me', { headers: ticket })).json.place === 'expired');
    const joined = await assertTakenLater(session, 200, () => visitor.join());
    assert.equal(joined.json.position, position);
    assert.equal(await site.redis.command('GET', 'fg:{short}:seq'), '1');
  });

  test('an unread archive is not reported as damaged', async () => {
    await makeEvent(site, 'past', { rate_per_s: 0 });
    await act(front, 'past', 'close');
    await untilState(front, 'past', 'closed');
    const text = await archiveOf(other, 'past');
    const restore = () => front.admin.post('/admin/events/past/actions/restore', { body: text, headers: { 'x-operator': 'kim' } });
    for (const part of ['"fairgate-archive"', '"mac":', '"parts":']) await assertTakenLater(part, 200, restore);
    const file = join(scope.dir(), 'past.ndjson');
    writeFileSync(file, text);
    for (const part of ['"fairgate-archive"', '"commitment":']) {
      memory.lack(part);
      const { status, stderr } = runProgram('queue-front', ['verify-draw', file, '--commitment', '00'.repeat(32)], { env: memory.env });
      memory.lack('');
      assert.deepEqual([status, /no memory/.test(stderr)], [2, true], stderr);
    }
  });

  test('the command line reports an unread answer instead of an empty one', async () => {
    const fairgate = commandLine(scope, { queue: front, tokenFile: site.secrets.path('admin-token') });
    done(await fairgate('events', { env: memory.env }));
    memory.lack('"events":');
    refused(await fairgate('events', { env: memory.env }), EXIT.unknown, /no memory to read JSON/);
    memory.lack('1234.5');
    refused(await fairgate('rate', 'show', '1234.5', { env: memory.env }), EXIT.refused, /no memory/);
    memory.lack('');
  });

  test('an event with an unread document opens by itself once it is read', async () => {
    memory.lack('"Dark night"');
    const before = memory.refused();
    await patch(other, 'draft', { name: 'Dark night' });
    await act(other, 'draft', 'open').catch(() => {}); // it may be open already
    await until('the front to lack memory for it', () => memory.refused() > before + 1);
    const answer = await joinOf('draft');
    assertLater(answer, 'document-unreadable');
    assertProblem(await front.admin.patch('/admin/events/draft', { body: { rate_per_s: 1 } }), 503, 'document-unreadable');
    memory.lack('');
    await until('the event to be open', async () => (await joinOf('draft')).status === 201);
  });

  test('an event created without memory opens once there is memory', async () => {
    memory.lack('"Late night"');
    const before = memory.refused();
    assert.equal((await other.admin.put('/admin/events/late', { body: { name: 'Late night', rate_per_s: 0 } })).status, 201);
    await until('the front to lack memory for it', () => memory.refused() > before + 1);
    assertLater(await joinOf('late'), 'document-unreadable');
    memory.lack('');
    await until('the event', async () => (await front.admin.get('/admin/events/late')).json.name === 'Late night');
  });
});
