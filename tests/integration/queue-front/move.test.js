// A place moves to another device: it has one holder at a time, and is never lost on the way.

import assert from 'node:assert/strict';
import { writeFileSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { assertProblem, assertStatus, until } from '../../lib-js/index.js';
import { act, FAST, invitationsOf, joinInTurn, live, makeEvent, makePreQueue, openShow, openSite, patch, shareSite, STILL, Visitor, withinAMinute } from './support.js';
import { asMember, openShop } from './shop.js';

const make = (visitor, options) => visitor.call('POST', 'move', { body: {}, ...options });
const take = (visitor, code, options) => visitor.call('POST', 'move', { body: { code }, ...options });
async function codeOf(visitor, options) {
  const answer = assertStatus(await make(visitor, options), 201);
  return answer.json.code;
}
const untilMoved = (visitor, front) => until('the news of the move', async () => {
  const answer = await visitor.me({ front });
  return answer.status === 401 && answer.json.code === 'ticket-moved';
});

// A pass is still given until the line has counted the call as missed, a moment after its end.
async function untilMissed(front, visitor, name) {
  await until('the call to be over', async () => (await visitor.me(name)).json.place === 'expired');
  await until('the line to have gone on', async () => (await live(front, visitor.event)).outstanding === 0);
}

const alone = shareSite(test);
const both = shareSite(test, { fronts: 2 });

test('a moved place belongs to the other device on every front', async (t) => {
  const { show, ...site } = await both(t, STILL);
  await new Visitor(site.front, show).joined();
  const laptop = new Visitor(site.front, show), phone = new Visitor(site.fronts[1], show);
  const before = await laptop.joined();
  const made = (await make(laptop)).json;
  assert.match(made.code, /^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/);
  assert.equal(made.url, `http://127.0.0.1:${site.front.port}/e/${show}#move=${made.code}`);
  assert.match(made.qr, /^<svg .*<\/svg>$/);
  assert.ok(Date.parse(made.expires_at) > Date.now() + 9 * 60_000);
  assert.equal(await codeOf(laptop, { front: site.fronts[1] }), made.code, 'asked again: the same');

  const sloppy = made.code.toLowerCase().replaceAll('-', ' ');
  const here = assertStatus(await take(phone, sloppy), 200);
  assert.equal(here.json.position, before.position);
  assert.notEqual(here.json.ticket, before.ticket);
  assert.equal((await phone.me()).json.position, before.position, 'by cookie');
  assert.equal((await site.front.http.get(`/v1/queue/${show}/me`, { token: here.json.ticket })).json.position, 2);
  for (const front of site.fronts) {
    await untilMoved(laptop, front);
    for (const call of ['pass', 'move', 'leave']) {
      assertProblem(await laptop.call('POST', call, { front }), 401, 'ticket-moved');
    }
    assert.equal((await phone.me({ front })).json.position, 2);
  }
  const page = await site.front.http.get(`/e/${show}`, { headers: laptop.jar.headers });
  assert.match(page.text, /data-view="moved"/);
  assertProblem(await take(new Visitor(site.front, show), made.code), 410, 'code-used');

  // And back again.
  assert.equal((await take(laptop, await codeOf(phone))).json.position, 2);
  await untilMoved(phone, site.fronts[1]);
  assert.equal((await laptop.me()).status, 200);
  assert.equal((await laptop.leave()).status, 204, 'its holder may give it up');
});

test('a lost answer loses no place: the same device asks again and has it', async (t) => {
  const { show, ...site } = await both(t, STILL);
  const laptop = await Visitor.withPlace(site.front, show);
  const code = await codeOf(laptop);
  const phone = new Visitor(site.fronts[1], show);
  phone.jar.take(await site.front.http.get(`/e/${show}`)); // a browser has its cookie from the page
  const lost = { ...phone.jar.headers };
  await site.front.http.post(`/v1/queue/${show}/move`, { body: { code }, headers: lost });
  assertStatus(await take(phone, code), 200);
  assert.equal((await phone.me()).json.position, 1);
  // A program moves it by its own key.
  const next = await codeOf(phone);
  const key = { 'idempotency-key': 'robot-1' };
  const path = `/v1/queue/${show}/move`;
  for (const front of site.fronts) {
    assert.equal((await front.http.post(path, { body: { code: next }, headers: key })).status, 200);
  }
  for (const other of [{ 'idempotency-key': 'robot-2' }, { ...key, 'x-forwarded-for': '198.51.100.2' }]) {
    assertProblem(await site.front.http.post(path, { body: { code: next }, headers: other }), 410, 'code-used');
  }
  assertProblem(await site.front.http.post(path, { body: { code: next }, headers: { 'idempotency-key': 'ä' } }),
    400, 'idempotency-key-invalid');
});

test('typing errors are free and guesses are limited by address', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const owner = await Visitor.withPlace(site.front, show);
  const code = await codeOf(owner);
  const from = (address) => ({ headers: { 'x-forwarded-for': address } });
  const wrong = code.replace(/^./, (c) => (c === '0' ? '2' : '0'));
  const thief = new Visitor(site.front, show);
  for (const text of ['', 'x', 'UUUU-UUUU-UUUU', `${code}0`, 'あいうえ']) {
    assert.ok([400, 422].includes((await take(thief, text)).status), text);
  }
  assertProblem(await thief.call('POST', 'move', { body: '{' }), 400, 'json-invalid');
  assertProblem(await thief.call('POST', 'move', { body: { key: 'x' } }), 400, 'move-invalid');
  // A guess with a valid check letter: another event's codes serve for this.
  const { show: other } = await alone(t, STILL);
  const guesses = [];
  for (const stranger of await joinInTurn(site, other, 20)) guesses.push(await codeOf(stranger));
  await withinAMinute(site, async (n) => {
    const here = from(`198.51.${n}.7`);
    for (let i = 0; i < 30; i += 1) assertProblem(await take(thief, wrong, here), 422, 'code-mistyped');
    for (const guess of guesses) assertProblem(await take(thief, guess, here), 404, 'code-unknown');
    assertProblem(await take(thief, code, here), 429, 'too-many-codes');
  });
  assert.equal((await take(thief, code, from('198.51.100.8'))).status, 200, 'others are not hindered');
});

test('a visit does not move but a called place does', async (t) => {
  const { show, ...site } = await alone(t, FAST);
  const laptop = new Visitor(site.front, show), phone = new Visitor(site.front, show);
  await laptop.joined();
  await laptop.untilCalled();
  const early = await codeOf(laptop);
  assert.equal((await take(phone, early)).json.called, true);
  assertProblem(await laptop.pass(), 401, 'ticket-moved');
  const stale = await codeOf(phone);
  await phone.entered();
  assertProblem(await make(phone), 409, 'already-inside');
  assertProblem(await take(laptop, stale), 409, 'already-inside');
  assert.equal((await phone.session()).status, 200);
});

test('a place that is over does not move, and a code says why, as a pass does', async (t) => {
  const { show, ...site } = await alone(t, { ...FAST, call_ttl_s: 10, grace_s: 0 }); // time to enter on a busy machine
  const end = ({ session }, body) => site.front.admin.post(`/internal/sessions/${session}/end`, { body });
  const overs = {
    'session-ended': async (visitor) => end(await visitor.entered()),
    'order-complete': async (visitor) => end(await visitor.entered(), { order: 'o_1' }),
    'call-expired': (visitor) => untilMissed(site.front, visitor),
  };
  const inside = await Visitor.withPlace(site.front, show);
  const held = await codeOf(inside);
  await inside.entered();
  for (const [code, over] of Object.entries(overs)) {
    const visitor = await Visitor.withPlace(site.front, show);
    const made = await codeOf(visitor);
    await over(visitor);
    assertProblem(await visitor.pass(), 410, code);
    assert.ok(!('can_join' in assertProblem(await make(visitor), 410, code)), 'which only a pass tells');
    assertProblem(await take(new Visitor(site.front, show), made), 410, code);
  }
  assertProblem(await make(inside), 409, 'already-inside'); // though its call is over, too
  assertProblem(await take(new Visitor(site.front, show), held), 409, 'already-inside');
});

test('a join after the place moved gets a new place at the end', async (t) => {
  const { show, ...site } = await both(t, STILL);
  const laptop = new Visitor(site.front, show), phone = new Visitor(site.front, show);
  laptop.jar.take(await site.front.http.get(`/e/${show}`));
  await laptop.joined();
  const { cookie } = laptop.jar.headers;
  const bare = { cookie: cookie.split('; ').find((c) => c.startsWith('fg_visitor=')) };
  await take(phone, await codeOf(laptop));
  await untilMoved(laptop, site.fronts[1]);
  for (const front of site.fronts) {
    const lost = await front.http.post(`/v1/queue/${show}/join`, { headers: bare });
    assertProblem(lost, 401, 'ticket-moved');
    assert.match(lost.headers['set-cookie'].join(), /fg_visitor=;.*Max-Age=0/);
  }
  const anew = assertStatus(await laptop.join(), 201);
  assert.equal(anew.json.position, 2);
  assert.equal((await laptop.me()).json.position, 2);
  assert.equal((await phone.me()).json.position, 1);
});

test('moves outlive new fronts, a Redis that lost everything, and the draw', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  await makePreQueue(site, 'show', STILL);
  const laptop = new Visitor(site.front, 'show'), phone = new Visitor(site.fronts[1], 'show');
  for (let i = 0; i < 5; i += 1) await new Visitor(site.front, 'show').joined();
  const { entry } = await laptop.joined();
  const here = await take(phone, await codeOf(laptop));
  assert.equal(here.json.entry, entry);
  const late = await codeOf(phone);
  await act(site.front, 'show', 'draw');
  await until('the position', async () => (await phone.me()).json.position);
  const { position } = (await phone.me()).json;

  await site.fronts[1].restart();
  await untilMoved(laptop, site.fronts[1]);
  await site.redis.restartEmpty();
  await until('health', async () => (await phone.me({ front: site.front })).json.stale === undefined);
  await until('fronts to have told Redis', async () =>
    Number(await site.redis.command('ZCARD', 'fg:{show}:moved')) === 1);
  for (const front of site.fronts) {
    assertProblem(await laptop.me({ front }), 401, 'ticket-moved');
    assert.equal((await phone.me({ front })).json.position, position);
  }
  await until('the line to be whole', async () => (await take(laptop, late)).status !== 503);
  assertProblem(await take(laptop, late), 404, 'code-unknown');
  const back = await take(laptop, await codeOf(phone, { front: site.front }));
  assert.equal(back.json.position, position, 'the code of before the draw is lost, the place is not');
});

test('a code of before a rotation of keys is good after it', async (t) => {
  const site = await openShow(t, STILL);
  const laptop = new Visitor(site.front, 'show'), phone = new Visitor(site.front, 'show');
  await laptop.joined();
  const code = await codeOf(laptop);
  const path = site.secrets.path('ticket-keys');
  writeFileSync(path, `9 ${'cd'.repeat(16)}\n${readFileSync(path, 'utf8')}`);
  site.front.child.signal('SIGHUP');
  await until('the new key', async () =>
    Buffer.from((await new Visitor(site.front, 'show').joined()).ticket, 'base64url')[1] === 9);
  assert.equal((await take(phone, code)).json.position, 1);
  await untilMoved(laptop, site.front);
});

test('a sold ticket or code is useless to another member', async (t) => {
  const shop = openShop();
  const site = await openShow(t, { ...FAST, member_required: true }, { config: { members: { keys: shop.file } } });
  const kim = new Visitor(site.front, 'show'), buyer = new Visitor(site.front, 'show');
  const { ticket } = await kim.joined(asMember(shop.token('kim')));
  await kim.untilCalled();
  const code = await codeOf(kim);
  assertProblem(await take(buyer, code), 401, 'member-required');
  assertProblem(await take(buyer, code, asMember(shop.token('lee'))), 403, 'member-differs');
  const sold = { token: ticket };
  assertProblem(await buyer.pass(sold), 401, 'member-required');
  assertProblem(await buyer.pass({ ...sold, ...asMember(shop.token('lee')) }), 403, 'member-differs');
  const phone = new Visitor(site.front, 'show');
  assert.equal((await take(phone, code, asMember(shop.token('kim')))).status, 200);
  assertProblem(await kim.join(asMember(shop.token('kim'))), 401, 'ticket-moved');
  const now = Math.floor(Date.now() / 1000);
  const old = shop.token('kim', { claims: { iat: now - 7200, exp: now - 3600 } });
  const pass = await phone.pass(asMember(old));
  assert.equal(pass.status, 201, 'a visitor who waited longer than the token stays the same');
});

test('a member or an invitation leads to a moved place while it lives, and to a new one after that', async (t) => {
  const shop = openShop();
  const site = await openSite(t, { config: { members: { keys: shop.file } } });
  const lanes = [{ id: 'press', name: 'Press', share: 10, invitations: 9 }];
  const ends = { // of a place on the phone
    left: [STILL, (phone, name) => phone.leave(name)],
    inside: [FAST, (phone, name) => phone.entered(name).then(() => phone.leave(name))],
    missed: [{ ...STILL, call_ttl_s: 1, grace_s: 0 }, async (phone, name) => { // called once the place exists, and nobody after it
      await patch(site.front, phone.event, { rate_per_s: 1000 });
      await untilMissed(site.front, phone, name);
      await act(site.front, phone.event, 'pause');
    }],
  };
  for (const [how, [knobs, end]] of Object.entries(ends)) {
    await makeEvent(site, `member-${how}`, { ...knobs, member_required: true });
    await makeEvent(site, `invited-${how}`, { ...knobs, lanes });
    const [code] = await invitationsOf(site.front, `invited-${how}`, 'press');
    const names = { member: () => asMember(shop.token('kim')), invited: () => ({ headers: { 'x-invitation': code } }) };
    for (const [by, name] of Object.entries(names)) {
      const anyDevice = () => new Visitor(site.front, `${by}-${how}`);
      const [laptop, phone] = [anyDevice(), anyDevice()];
      await laptop.joined(name());
      assert.equal((await take(phone, await codeOf(laptop, name()), name())).status, 200);
      await untilMoved(laptop, site.front);
      for (const device of how === 'missed' ? [] : [laptop, anyDevice()]) assertProblem(await device.join(name()), 401, 'ticket-moved');
      await end(phone, name());
      const first = await until('a new place', async () => {
        const answer = await laptop.join(name());
        return answer.status === 201 && answer.json;
      });
      assert.equal((await anyDevice().join(name())).json.position, first.position, `${by}, ${how}: one place`);
    }
  }
});
