// What bots, sellers and the impatient try, and what each of them gets:
//
//   more places      one solution, one member, one key of a join: one place           here, entry.test.js
//   a pass shared    one visit, however many show it, and over when the visit is      here
//   a pass forged    other claims, key or algorithm, another event                    here
//   a ticket sold    a copy is the same place and one session; of a member it opens   line.test.js, move.test.js
//                    nothing to another; once moved, the old one holds nothing
//   a replay         of a solution, a pass, a code, an invitation                     here, move.test.js,
//                                                                                     lanes.test.js
//   a place forged   another number, event, lane or draw on the ticket                tokens_test.c,
//                                                                                     line.test.js, lanes.test.js
//   pushing in       asking early and often, by the other front, for a lane's share   here, lanes.test.js
//                    without an invitation, into a draw that was made                 draw.test.js

import assert from 'node:assert/strict';
import { createHmac, createPublicKey, randomBytes, sign } from 'node:crypto';
import test from 'node:test';
import { assertProblem, assertStatus, makeKeyPair, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { live, makeEvent, openShow, openSite, patch, shareSite, solve, STILL, Visitor, withinAMinute } from './support.js';

const solved = ({ challenge, bits }) => solve(challenge, bits, () => {});
const from = (address) => ({ 'x-forwarded-for': address });
const work = (solution, address) => ({
  headers: { 'x-proof-of-work': solution, ...(address ? from(address) : {}) },
});

function assertWork(answer, reason) {
  const problem = assertProblem(answer, 428, 'proof-of-work-required');
  assert.equal(problem.reason, reason);
  assert.equal(problem.algorithm, 'sha256-leading-zero-bits');
  assert.ok(Date.parse(problem.expires_at) > Date.now());
  return problem;
}

const alone = shareSite(test);
const both = shareSite(test, { fronts: 2 });

test('a wrong or foreign solution is refused with new work', async (t) => {
  const { show, ...site } = await alone(t, { ...STILL, pow_bits: 12 });
  const { show: other } = await alone(t, { ...STILL, pow_bits: 12 });
  const visitor = new Visitor(site.front, show);
  const task = assertWork(await visitor.join(), 'missing');
  const solution = solved(task);
  for (const [attempt, reason] of [
    [work('nonsense'), 'malformed'],
    [work(`${task.challenge}.-1`), 'malformed'],
    [work(`${'A'.repeat(40)}.1`), 'malformed'],
    [work(`${task.challenge.slice(0, -1)}${task.challenge.endsWith('A') ? 'B' : 'A'}.1`), 'foreign'],
    [work(solution, '198.51.100.7'), 'foreign'],
    [{ ...work(solution), event: other }, 'foreign'],
    [work(`${task.challenge}.${[0, 1, 2].find((n) => `${task.challenge}.${n}` !== solution)}`), 'unsolved'],
  ]) {
    const renewed = assertWork(await visitor.join(attempt), reason);
    assert.notEqual(renewed.challenge, task.challenge);
  }
  assert.equal((await visitor.join(work(solution))).status, 201, 'the right one is as good as before');
  await patch(site.front, show, { pow_bits: 14 });
  assertWork(await new Visitor(site.front, show).join(work(solution)), 'unsolved');
});

test('a crowd makes the work harder up to the ceiling', async (t) => {
  const { show, ...site } = await alone(t, { ...STILL, pow_bits: 1, pow_bits_max: 3 });
  const bits = async () => assertWork(await site.front.http.post(`/v1/queue/${show}/join`), 'missing').bits;
  assert.equal(await bits(), 1);
  let going = true;
  const crowd = Array.from({ length: 16 }, async () => {
    while (going) {
      const task = (await site.front.http.post(`/v1/queue/${show}/join`)).json;
      await site.front.http.post(`/v1/queue/${show}/join`, work(solved(task)));
    }
  });
  await until('harder work', async () => (await bits()) > 1);
  going = false;
  await Promise.all(crowd);
  assert.ok((await bits()) <= 3);
  await until('easier work', async () => (await bits()) === 1);
});

test('a visitor without a script sees what the line requires, and a form may bring it', async (t) => {
  const { show, ...site } = await alone(t, { ...STILL, pow_bits: 10 });
  const browser = new Visitor(site.front, show);
  const answer = assertStatus(await browser.join({ headers: { accept: 'text/html' }, body: '' }), 303);
  assert.equal(answer.headers.location, `/e/${show}?notice=proof-of-work-required`);
  const page = await site.front.http.get(answer.headers.location);
  assert.match(page.text, /That needs JavaScript/);
  const { text } = await site.front.http.get(`/e/${show}`);
  const script = /src="([^"]*)wait.js"/.exec(text)[1];
  assert.equal((await site.front.http.get(`${script}pow.js`)).status, 200);
  const byForm = await browser.join({
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `proof_of_work=${encodeURIComponent(solved(assertWork(await browser.join(), 'missing')))}`,
  });
  assert.equal(byForm.status, 201);
  assert.equal((await browser.join()).status, 200, 'a ticket is enough from then on');
});

test('one member has one place on any front', async (t) => {
  const shop = openShop();
  const site = await openShow(t, { ...STILL, member_required: true }, { fronts: 2, config: { members: { keys: shop.file } } });
  await makeEvent(site, 'other', { ...STILL, member_required: true });
  const visitor = () => new Visitor(site.front, 'show');
  assertProblem(await visitor().join(), 401, 'member-required');
  const kim = shop.token('kim');
  const first = await visitor().joined(asMember(kim));
  assert.equal(first.position, 1);
  for (const front of site.fronts) {
    const again = assertStatus(await new Visitor(front, 'show').join(asMember(shop.token('kim'))), 200);
    assert.equal(again.json.position, 1, 'a pass sold is a place shared');
  }
  assert.equal((await visitor().joined(asMember(shop.token('lee')))).position, 2);
  assert.equal((await visitor().joined({ ...asMember(kim), event: 'other' })).position, 1);
  const cookie = visitor();
  assert.equal((await cookie.join({ headers: { cookie: `fg_member=${kim}` } })).json.position, 1);

  const now = Math.floor(Date.now() / 1000);
  const thief = openShop();
  for (const [what, token] of Object.entries({
    'another shop': thief.token('kim'),
    'another issuer': shop.token('kim', { claims: { iss: 'evil' } }),
    'another audience': shop.token('kim', { claims: { aud: 'newsletter' } }),
    'another purpose': shop.token('kim', { header: { typ: 'JWT' } }),
    'no algorithm': shop.token('kim', { header: { alg: 'none' } }),
    'an old one': shop.token('kim', { claims: { iat: now - 900, exp: now - 300 } }),
    'nobody': shop.token(''),
    nonsense: 'a.b.c',
  })) {
    assertProblem(await visitor().join(asMember(token)), 401, 'member-required', what);
  }
  const answer = await visitor().join({ headers: { accept: 'text/html' }, body: '' });
  assert.equal(answer.headers.location, '/e/show?notice=member-required');
});

// judges: entry
test('a shared pass is one visit', async (t) => {
  const { show, ...site } = await both(t, { rate_per_s: 1000, burst: 1000, max_active: 1, session_ttl_s: 60 });
  const { show: other } = await both(t, STILL);
  const owner = await Visitor.inside(site.front, show);
  const beat = (token, front = site.front, event = show) =>
    front.http.post(`/v1/queue/${event}/session`, { token });
  for (const front of site.fronts) {
    const friend = assertStatus(await beat(owner.visit.pass, front), 200);
    assert.equal(friend.json.session, owner.visit.session, 'the same visit and the same cart');
    assert.ok(Date.parse(friend.json.ends_at) <= Date.parse(owner.visit.ends_at), 'and no longer one');
  }
  assertProblem(await beat(owner.visit.pass, site.front, other), 401, 'pass-invalid');
  assertProblem(await site.front.http.get(`/v1/queue/${other}/verify`, { token: owner.visit.pass }), 401, 'pass-invalid');
  const next = await Visitor.withPlace(site.fronts[1], show);
  assertProblem(await next.pass(), 409, 'not-yet');
  await site.front.admin.post(`/internal/sessions/${owner.visit.session}/end`);
  for (const front of site.fronts) assertProblem(await beat(owner.visit.pass, front), 410, 'session-ended');
  assertProblem(await owner.pass(), 410, 'session-ended');
  await next.entered();
  assertProblem(await beat(owner.visit.pass), 410, 'session-ended');
});

// judges: entry
test('a forged pass is refused', async (t) => {
  const { show, ...site } = await both(t, { rate_per_s: 1000, burst: 1000, max_active: 0 });
  const owner = await Visitor.inside(site.front, show);
  const [head, body, signature] = owner.visit.pass.split('.');
  const [header, claims] = [head, body].map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  const put = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
  const [jwk] = (await site.front.http.get('/.well-known/jwks.json')).json.keys;
  const theirs = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const mine = makeKeyPair('ec', { namedCurve: 'P-256' }).privateKey;
  const signed = (over, by) => `${over}.${by(over).toString('base64url')}`;
  const es256 = (over) => sign('sha256', Buffer.from(over), { key: mine, dsaEncoding: 'ieee-p1363' });
  const hs256 = (over) => createHmac('sha256', theirs).update(over).digest();
  const longer = put({ ...claims, exp: claims.exp + 3600, ends: claims.ends + 3600 });
  const forged = {
    'no algorithm': `${put({ ...header, alg: 'none' })}.${longer}.`,
    'our public key as a secret': signed(`${put({ ...header, alg: 'HS256' })}.${longer}`, hs256),
    'a key of their own under our name': signed(`${head}.${longer}`, es256),
    'a key that the token brings along': signed(`${put({ ...header, jwk })}.${longer}`, es256),
    'a later end': `${head}.${longer}.${signature}`,
    'another place': `${head}.${put({ ...claims, place: claims.place + 1 })}.${signature}`,
    'another visitor': `${head}.${put({ ...claims, visitor: 'AAAAAAAAAAA' })}.${signature}`,
    'no signature': `${head}.${body}.`,
  };
  for (const front of site.fronts) {
    assert.equal((await front.http.get(`/v1/queue/${show}/verify`, { token: owner.visit.pass })).status, 204);
    for (const [what, token] of Object.entries(forged)) {
      for (const [method, call] of [['GET', 'verify'], ['POST', 'session'], ['POST', 'leave']]) {
        const answer = await front.http.call(method, `/v1/queue/${show}/${call}`, { token });
        assert.equal(answer.status, 401, `${what}: ${call} ${answer.status} ${answer.text}`);
      }
    }
  }
  assert.equal((await owner.session()).status, 200, 'and its owner is still inside');
});

test('forged signatures of a session are not checked after some', async (t) => {
  const { show, ...site } = await alone(t, { rate_per_s: 1000, burst: 1000, max_active: 0 });
  const { visit: { pass, session } } = await Visitor.inside(site.front, show);
  const [head, body] = pass.split('.');
  const verify = (token, address, call = 'verify', method = 'GET') =>
    site.front.http.call(method, `/v1/queue/${show}/${call}`, { token, headers: from(address) });
  const put = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  const wrong = () => randomBytes(64).toString('base64url');

  // A foreign session costs no signature check: it is just rejected, however often.
  for (const sub of [`show.1.${wrong().slice(0, 38)}`, session.replace(/^show/, 'other'), 'nobody']) {
    for (let i = 0; i < 15; i += 1)
      assertProblem(await verify(`${head}.${put({ ...claims, sub })}.${wrong()}`, '198.51.100.7'), 401, 'pass-invalid');
  }
  assert.equal((await verify(pass, '198.51.100.7')).status, 204);

  for (let i = 0; i < 30; i += 1) assertProblem(await verify(`${head}.${body}.${wrong()}`, '198.51.100.7'), 401, 'pass-invalid');
  for (const [method, call] of [['GET', 'verify'], ['POST', 'session'], ['POST', 'leave']]) {
    const refused = await verify(`${head}.${body}.${wrong()}`, '198.51.100.7', call, method);
    assertProblem(refused, 429, 'too-many-wrong-passes');
    assert.equal(refused.headers['retry-after'], '60');
  }
  assert.equal((await verify(pass, '198.51.100.8')).status, 204, 'its owner, from elsewhere');
  const other = await Visitor.inside(site.front, show, { headers: from('198.51.100.7') });
  assert.equal((await verify(other.visit.pass, '198.51.100.7')).status, 204, 'another visit from there');
});

test('wrong member tokens are looked at a minute\'s worth, by address', async (t) => {
  const shop = openShop();
  const site = await openShow(t, { ...STILL, member_required: true }, { config: { members: { keys: shop.file } } });
  const join = (token, address) =>
    new Visitor(site.front, 'show').join({ headers: { ...asMember(token).headers, ...from(address) } });
  const forged = () => `${shop.token('kim').split('.').slice(0, 2).join('.')}.${randomBytes(64).toString('base64url')}`;
  for (let i = 0; i < 300; i += 1) assertProblem(await join(forged(), '198.51.100.7'), 401, 'member-required');
  const refused = await join(forged(), '198.51.100.7');
  assertProblem(refused, 429, 'too-many-wrong-tokens');
  assert.equal(refused.headers['retry-after'], '60');
  assert.equal((await join(shop.token('lee'), '198.51.100.8')).status, 201);
});

test('an address with too many wrong codes is refused early', async (t) => {
  const site = await openShow(t, STILL);
  await makeEvent(site, 'other', STILL);
  const codeOf = async (event) => {
    const { ticket } = await new Visitor(site.front, event).joined();
    return (await site.front.http.post(`/v1/queue/${event}/move`, { token: ticket })).json.code;
  };
  const take = (code, address, event = 'show') =>
    site.front.http.post(`/v1/queue/${event}/move`, { body: { code }, headers: from(address) });
  const used = await codeOf('show');
  assert.equal((await take(used, '198.51.100.9')).status, 200);
  await withinAMinute(site, async (n) => {
    const [one, two] = [`198.51.${n}.7`, `198.51.${n}.8`];
    for (const [code, address] of [[used, one], [await codeOf('other'), two]]) {
      const refused = await until('the bound', async () => {
        const answer = await take(code, address);
        return answer.status === 429 ? answer : null;
      }, { everyMs: 1 });
      assertProblem(refused, 429, 'too-many-codes');
    }
    process.kill(site.redis.child.pid, 'SIGSTOP');
    try {
      for (const address of [one, two]) {
        const again = assertProblem(await take(used, address), 429, 'too-many-codes');
        assert.ok(again.retry_after_s <= 60);
      }
    } finally {
      process.kill(site.redis.child.pid, 'SIGCONT');
    }
    const elsewhere = await take(await codeOf('other'), one, 'other');
    assert.equal(elsewhere.status, 200, 'only the event whose codes were guessed refuses');
  });
});

test('work is dated by the clock of the event', async (t) => {
  const site = await openShow(t, { ...STILL, pow_bits: 8 });
  const setTime = async (offMs) => { // as after a failover, for fronts that have seen no other time
    await site.front.stop();
    await site.redis.command('HSET', 'fg:{show}:cfg', 'clock_off_us', 1000 * offMs);
    await site.front.start();
    await until('the picture', async () => Math.abs((await live(site.front, 'show'))?.clock_behind_ms - offMs) < 1000);
  };
  const HOUR_MS = 3_600_000;
  await setTime(HOUR_MS);
  const join = (solution) => new Visitor(site.front, 'show').join(work(solution));
  const ask = async () => solved(assertWork(await new Visitor(site.front, 'show').join(), 'missing'));
  const [solution, unused] = [await ask(), await ask()];
  for (const status of [201, 200]) {
    const answer = await join(solution);
    assert.equal(answer.status, status);
    assert.equal(answer.json.position, 1);
  }
  await setTime(HOUR_MS + 10 * 60_000);
  for (const old of [solution, unused]) assertWork(await join(old), 'stale');
  assert.equal((await join(await ask())).json.position, 2);
});

test('behind a CDN the work is bound to the visitor, and so are the limits', async (t) => {
  const site = await openShow(t, { ...STILL, pow_bits: 8 }, { config: { http: { client_ip_header: 'CF-Connecting-IP' } } });
  await makeEvent(site, 'few', { ...STILL, joins_per_ip_per_min: 2 });
  const by = (address) => ({ 'cf-connecting-ip': address, 'x-forwarded-for': '192.0.2.66' });
  const bare = (address) => site.front.http.post('/v1/queue/show/join', { headers: by(address) });
  const solution = solved(assertWork(await bare('2001:db8:7::1'), 'missing'));
  const join = (address) =>
    site.front.http.post('/v1/queue/show/join', { headers: { ...by(address), 'x-proof-of-work': solution } });
  assertWork(await join('2001:db8:8::1'), 'foreign');
  assert.equal((await join('2001:db8:7::1')).status, 201);
  const few = (address) => site.front.http.post('/v1/queue/few/join', { headers: by(address) });
  await withinAMinute(site, async (n) => {
    for (const host of [':1', 'ffff::9']) assert.equal((await few(`2001:db8:${n}:2:${host}`)).status, 201);
    assertProblem(await few(`2001:db8:${n}:2:8::7`), 429, 'too-many-joins');
    assert.equal((await few(`2001:db8:${n}:3::1`)).status, 201, 'another /64');
  });
});

test('started work counts after a change of the address', async (t) => {
  const { show, ...site } = await both(t, { ...STILL, pow_bits: 8, joins_per_ip_per_min: 1 });
  await withinAMinute(site, async (n) => {
    const [wifi, relay] = [`2001:db8:${n}::1`, `198.51.100.${n}`];
    const open = async ({ front, jar }, address) => jar.take(await front.http.get(`/e/${show}`, { headers: { ...jar.headers, ...from(address) } }));
    const browser = new Visitor(site.front, show);
    await open(browser, wifi);
    const solution = solved(assertWork(await browser.join({ headers: from(wifi) }), 'missing'));
    const elsewhere = new Visitor(site.fronts[1], show);
    assertWork(await elsewhere.join(work(solution, relay)), 'foreign');
    await open(elsewhere, relay);
    assertWork(await elsewhere.join(work(solution, relay)), 'foreign');
    browser.front = site.fronts[1];
    assert.equal((await browser.join(work(solution, relay))).status, 201);

    // Started before there was a cookie; it counts against the limit of the address that shows it.
    const late = new Visitor(site.front, show);
    const [bare, spent] = await Promise.all([late.join({ headers: from(wifi) }), late.join({ headers: from(wifi) })]);
    await open(late, wifi);
    const second = solved(assertWork(spent, 'missing'));
    assert.equal((await late.join(work(solved(assertWork(bare, 'missing')), wifi))).status, 201);
    await late.leave();
    await open(late, wifi);
    assertProblem(await late.join(work(second, wifi)), 429, 'too-many-joins');
  });
});

test('requests for a pass before the call do not help', async (t) => {
  const { show, ...site } = await both(t, STILL);
  const ahead = await Visitor.withPlace(site.front, show);
  const pushy = new Visitor(site.front, show);
  const { position, ticket } = await pushy.joined();
  assert.equal(position, 2);
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) =>
    site.fronts[i % 2].http.post(`/v1/queue/${show}/pass`, { token: ticket })));
  for (const answer of answers) {
    const { position: at, ahead: before } = assertProblem(answer, 409, 'not-yet');
    assert.deepEqual([at, before], [2, 1]);
    assert.ok(Number(answer.headers['retry-after']) > 0);
  }
  assert.equal((await pushy.me()).json.position, 2);
  // With one slot, the visitor who never polled is admitted before the one who always did.
  await patch(site.front, show, { rate_per_s: 1000, burst: 1000, max_active: 1 });
  await ahead.entered();
  assertProblem(await pushy.pass(), 409, 'not-yet');
  await ahead.leave();
  await pushy.entered();
});

// judges: length
test('a full line rejects joins with a time to retry', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  await makeEvent(site, 'short', { ...STILL, shards: 1, line_max: 5, pow_bits: 4 });
  const crowd = Array.from({ length: 20 }, (_, i) => new Visitor(site.fronts[i % 2], 'short'));
  const task = assertWork(await crowd[0].join(), 'missing');
  const tasks = await Promise.all(crowd.map(async (visitor) => solved((await visitor.join()).json)));
  const answers = await Promise.all(crowd.map((visitor, i) => visitor.join(work(tasks[i]))));
  const positions = answers.filter(({ status }) => status === 201).map(({ json }) => json.position);
  assert.deepEqual(positions.sort(), [1, 2, 3, 4, 5]);
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    assertProblem(answer, 503, 'line-full');
    const retryS = Number(answer.headers['retry-after']);
    assert.ok(retryS >= 30 && retryS <= 60, `${retryS} s`);
  }
  const [last, turnedAway] = [true, false].map((placed) => answers.findIndex(({ status }) => (status === 201) === placed));
  assert.equal((await crowd[last].join()).status, 200, 'a visitor in the line finds the place');
  for (const front of site.fronts) {
    await until('the front to tell it', async () => (await front.http.get('/v1/queue/short/status')).json.full === true);
  }
  const form = await crowd[turnedAway].join({
    headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }, body: `proof_of_work=${solved(task)}`,
  });
  assert.equal(form.headers.location, '/e/short?notice=line-full');
  for (const figure of ['joins_total{outcome="full"}', 'bound_refused_total{bound="line-full"}']) {
    const counts = await Promise.all(site.fronts.map(async (front) => (await front.metrics()).get(`fairgate_${figure}`)));
    assert.equal(counts[0] + counts[1], 16, figure); // 15 by the API, and one by a form
  }

  assert.equal((await crowd[last].leave()).status, 204);
  assert.equal((await crowd[turnedAway].join(work(tasks[turnedAway]))).json.position, 6, 'the work was not used up');
});
