// Presale codes: visitors show them before the wait, not after it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { act, claims, live, makeEvent, openShow, patch, untilEveryLoop, Visitor, withinAMinute } from './support.js';

const NEEDS_CODE = { rate_per_s: 0, code_required: true };
const path = (event) => `/admin/events/${event}/codes`;
const withCode = (code, headers = {}) => ({ body: { code }, headers });

async function load(site, body, event = 'show') {
  const answer = await site.front.admin.put(path(event), { body });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}
const counts = async (site, event = 'show') => (await site.front.admin.get(path(event))).json.codes;
const issued = async (site, event = 'show') => Number(await site.redis.command('GET', `fg:{${event}}:seq`) ?? 0);

// The codes that joins sent to this front, counted by outcome.
async function outcomesOf(front) {
  const { text } = await front.private.call('GET', '/metrics');
  const rows = [...text.matchAll(/^fairgate_presale_codes_total\{outcome="([a-z-]+)"\} (\d+)$/gm)];
  return Object.fromEntries(rows.map(([, outcome, number]) => [outcome, Number(number)]));
}

const presale = (t, knobs = NEEDS_CODE, options = {}) => openShow(t, knobs, options);

test('a wrong code takes no place', async (t) => {
  const site = await presale(t);
  await load(site, { codes: ['FAN-2026-AB', 'FAN-2026-CD'] });
  const visitor = () => new Visitor(site.front, 'show');
  assertProblem(await visitor().join(), 422, 'code-required');
  assertProblem(await visitor().join(withCode('FAN-2026-XX')), 422, 'code-unknown');
  assertProblem(await visitor().join(withCode('x')), 422, 'code-unknown');
  assert.equal(await issued(site), 0);
  const fan = visitor();
  const joined = await fan.joined(withCode('fan 2026 ab'));
  assert.equal(joined.position, 1);
  assert.equal((await fan.join(withCode('FAN-2026-AB'))).status, 200, 'the ticket says who it is');
  assert.equal((await fan.join()).status, 200);
  assertProblem(await visitor().join(withCode('FAN-2026-AB')), 422, 'code-used-up');
  assert.equal(await issued(site), 1);
  assert.deepEqual(await counts(site), [{ lane: 'general', channel: null, codes: 2, uses: 2, used: 1 }]);
});

test('one who waits in the general line gets into the lane that a code opens, and keeps the place if it opens none', async (t) => {
  // Over shards such a visitor keeps the place (openapi.yaml).
  const site = await presale(t, { rate_per_s: 0, shards: 1, lanes: [{ id: 'club', share: 30 }] });
  await load(site, { lane: 'club', codes: ['CLUB-CODE', 'CLUB-LAST'] });
  await load(site, { codes: ['FOR-ALL'] });
  const fan = new Visitor(site.front, 'show');
  const { ticket } = await fan.joined();
  for (const code of ['WRONG-ONE', 'FOR-ALL']) {
    const kept = await fan.join(withCode(code));
    assert.deepEqual([kept.status, kept.json.ticket, kept.json.lane], [200, ticket, undefined], code);
  }
  const inside = await fan.join(withCode('CLUB-CODE'));
  assert.deepEqual([inside.status, inside.json.lane, inside.json.position], [201, 'club', 1], inside.text);
  assert.equal((await fan.join(withCode('CLUB-CODE'))).json.ticket, inside.json.ticket, 'it is used once');
  const late = new Visitor(site.front, 'show');
  const place = await late.joined();
  assert.equal((await late.join(withCode('CLUB-CODE'))).json.ticket, place.ticket, 'it is used up, and the place stays');
  const used = (await counts(site)).map(({ lane, used: n }) => [lane, n]);
  assert.deepEqual(used.sort(), [['club', 1], ['general', 0]]);

  // The visitor did the work for a place, not for a code.
  await patch(site.front, 'show', { pow_bits: 20 });
  await until('work to be asked for', async () => (await new Visitor(site.front, 'show').join(withCode('CLUB-LAST'))).status === 428);
  const last = await late.join(withCode('CLUB-LAST'));
  assert.deepEqual([last.status, last.json.lane], [201, 'club'], last.text);
});

test('guesses are limited by address', async (t) => {
  const site = await presale(t, NEEDS_CODE, { config: { http: { trusted_proxies: '127.0.0.1' } } });
  const from = (addr, code) => site.front.http.post('/v1/queue/show/join', withCode(code, { 'x-forwarded-for': addr }));
  await withinAMinute(site, async (n) => {
    const [one, two, real] = [`198.51.${n}.7`, `198.51.${n}.8`, `REAL-CODE-${n}`];
    await load(site, { codes: [real] });
    const before = await outcomesOf(site.front);
    for (let i = 0; i < 20; i += 1) assertProblem(await from(one, `GUESS-${i}`), 422, 'code-unknown');
    for (const code of ['GUESS-20', real]) {
      const late = await from(one, code);
      assertProblem(late, 429, 'too-many-codes');
      assert.ok(Number(late.headers['retry-after']) >= 1);
    }
    assert.equal((await from(two, real)).status, 201, 'others are not hindered');
    assertProblem(await from(two, real), 422, 'code-used-up');
    assertProblem(await from(two, ''), 422, 'code-required');
    const grown = Object.entries(await outcomesOf(site.front)).map(([outcome, number]) => [outcome, number - before[outcome]]);
    assert.deepEqual(Object.fromEntries(grown), { taken: 1, required: 1, unknown: 20, 'used-up': 1, guesses: 2, missing: 0 });
  });
});

test('guesses from very many addresses are limited by event, and no other network is refused', async (t) => {
  const site = await presale(t, NEEDS_CODE, { config: { http: { trusted_proxies: '127.0.0.1' } } });
  const from = (addr, code) => site.front.http.post('/v1/queue/show/join', withCode(code, { 'x-forwarded-for': addr }));
  await makeEvent(site, 'other', { rate_per_s: 0 });
  const stranger = await Visitor.withPlace(site.front, 'other');
  const moves = (await stranger.call('POST', 'move')).json.code;
  await withinAMinute(site, async (n) => {
    const minute = Math.floor(Number((await site.redis.command('TIME'))[0]) / 60);
    await load(site, { codes: [`REAL-CODE-${n}`, `OTHER-CODE-${n}`] });
    const wrong = async () => Number(await site.redis.command('HGET', `fg:{show}:ip:${minute}`, 'codes'));
    const before = await wrong(); // of the previous attempt
    assertProblem(await from(`2001:db8:${n}:1::1`, 'GUESS-1'), 422, 'code-unknown');
    assertProblem(await from(`2001:db8:${n}:2::1`, 'GUESS-2'), 422, 'code-unknown');
    assert.equal(await wrong(), before + 2);
    await site.redis.command('HSET', `fg:{show}:ip:${minute}`, 'codes', 1000);
    assertProblem(await from(`2001:db8:${n}:3::1`, `REAL-CODE-${n}`), 429, 'too-many-codes');
    const take = (addr) => site.front.http.post('/v1/queue/show/move', withCode(moves, { 'x-forwarded-for': addr }));
    assertProblem(await take(`2001:db8:${n}:4::1`), 429, 'too-many-codes');
    assert.equal((await from(`2001:db8:f${n}:1::1`, `REAL-CODE-${n}`)).status, 201);
    assertProblem(await from(`198.51.${n}.7`, 'GUESS-3'), 422, 'code-unknown');
    assertProblem(await from(`198.51.${n}.7`, `OTHER-CODE-${n}`), 429, 'too-many-codes');
    assert.equal((await from(`198.51.${n}.8`, `OTHER-CODE-${n}`)).status, 201);
    await until('the metric', async () => /fairgate_line_wrong_codes\{event="show"\} 1001/.test((await site.front.private.call('GET', '/metrics')).text));
  });
});

test('an empty Redis has lost the codes, and joins say so', async (t) => {
  const site = await presale(t, NEEDS_CODE, { fronts: 2 });
  await load(site, { codes: ['FAN-CODE-1', 'FAN-CODE-2', 'FAN-CODE-3'] });
  const first = new Visitor(site.front, 'show');
  assert.equal((await first.joined(withCode('FAN-CODE-1'))).position, 1);
  const missing = (number) => Promise.all(site.fronts.map((front) =>
    until(`${number} codes to be missing`, async () => (await live(front, 'show')).codes_missing === number)));
  await missing(0);
  await until('the other front to know how many there are', async () => (await live(site.fronts[1], 'show')).issued === 1);
  await site.redis.restartEmpty();
  await missing(3);
  assert.equal((await first.join()).status, 200, 'a visitor with a place needs no code');
  const visitor = new Visitor(site.fronts[1], 'show');
  const answer = await until('an answer that is not of the loss itself', async () => {
    const one = await visitor.join(withCode('FAN-CODE-2'));
    return one.json.code !== 'unavailable' && one;
  });
  assertProblem(answer, 503, 'codes-missing');
  assert.ok(Number(answer.headers['retry-after']) >= 1);
  assertProblem(await visitor.join(), 422, 'code-required');
  const form = await visitor.join({ headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }, body: 'code=fan-code-2' });
  assert.equal(form.headers.location, '/e/show?notice=codes-missing');
  assert.match((await site.front.private.call('GET', '/metrics')).text, /fairgate_line_codes_missing\{event="show"\} 3/);
  assert.equal((await outcomesOf(site.fronts[1])).missing, 2);

  // Loaded in two parts: loaded codes are valid at once, and others may be valid later.
  await load(site, { codes: ['FAN-CODE-1', 'FAN-CODE-2'] });
  await missing(1);
  assert.ok((await visitor.joined(withCode('FAN-CODE-2'))).position > 1);
  assertProblem(await new Visitor(site.front, 'show').join(withCode('FAN-CODE-3')), 503, 'codes-missing');
  await load(site, { codes: ['FAN-CODE-3'] });
  await missing(0);
  assertProblem(await new Visitor(site.front, 'show').join(withCode('FAN-CODE-4')), 422, 'code-unknown');
  assert.equal((await counts(site))[0].codes, 3);

  // Or the operator has no more codes to load.
  await site.redis.restartEmpty();
  await missing(3);
  await until('them to be dropped', async () => (await site.front.admin.delete(path('show'))).status === 200);
  await missing(0);
  const late = await until('an answer that is not of the loss itself', async () => {
    const one = await new Visitor(site.front, 'show').join(withCode('FAN-CODE-1'));
    return one.json.code !== 'unavailable' && one;
  });
  assertProblem(late, 422, 'code-unknown');
});

test('a swept event keeps only the number of its codes', async (t) => {
  const site = await presale(t);
  await load(site, { codes: ['FAN-CODE-1', 'FAN-CODE-2'], channel: 'club' });
  await new Visitor(site.front, 'show').joined(withCode('FAN-CODE-1'));
  await act(site.front, 'show', 'close');
  await until('it to be over', async () => !(await live(site.front, 'show')));
  const were = await counts(site);
  assert.deepEqual(were, [{ lane: 'general', channel: 'club', codes: 2, uses: 2, used: 1 }]);
  await site.redis.command('ZADD', '{fg:events}:chores', '1', 'sweep:show');
  await until('it to be swept', async () => Number(await site.redis.command('EXISTS', 'fg:{show}:codes', 'fg:{show}:opened')) === 0);
  assert.deepEqual(await until('it to be called up', async () => {
    const answer = await site.front.admin.get(path('show'));
    return answer.status === 200 && answer.json.codes;
  }), were);
  const { status } = await site.front.admin.put(path('show'), { body: { codes: ['FAN-CODE-9'] } });
  assert.equal(status, 409, 'nothing is loaded into what is over');
});

test('a code opens its lane and its channel', async (t) => {
  const lanes = [{ id: 'fans', name: 'Fans', share: 30, code_required: true }];
  const site = await presale(t, { rate_per_s: 100, lanes });
  await load(site, { lane: 'fans', channel: 'club', uses: 3, digests: [createHash('sha256').update('CLUBCODE').digest('hex')] });
  const fan = new Visitor(site.front, 'show');
  const key = { 'idempotency-key': 'fan' };
  const joined = await until('the lane to be seen', async () => {
    const answer = await fan.join(withCode('club-code', key));
    return [200, 201].includes(answer.status) && answer.json;
  });
  assert.equal(joined.lane, 'fans');
  const again = await new Visitor(site.front, 'show').join(withCode('CLUB-CODE', { 'idempotency-key': 'other' }));
  assert.deepEqual([again.status, again.json.lane, again.json.position], [201, 'fans', 2]);
  const { pass } = await fan.entered();
  assert.equal(claims(pass).channel, 'club');
  assert.equal(claims((await fan.pass()).json.pass).channel, 'club');
  assert.equal(claims((await fan.session()).json.pass).channel, 'club');
  const plain = new Visitor(site.front, 'show');
  assert.equal((await plain.joined()).lane, undefined);
  assert.equal('channel' in claims((await plain.entered()).pass), false);
  assert.deepEqual(await counts(site), [{ lane: 'fans', channel: 'club', codes: 1, uses: 3, used: 2 }]);
});

test('codes are not stored in plain and can be removed', async (t) => {
  const site = await presale(t);
  const spelled = await load(site, { codes: ['SECRET-ONE', 'secretone', 'SECRET-TWO'], channel: 'club' });
  assert.equal(spelled.added, 2, 'two spellings of one code');
  const { added } = await load(site, { codes: ['SECRET-TWO', 'SECRET THREE'], uses: 5 });
  assert.equal(added, 1, 'one was there before');
  const sorted = (await counts(site)).sort((a, b) => a.uses - b.uses);
  assert.deepEqual(sorted.map(({ channel, codes, uses }) => [channel, codes, uses]), [['club', 1, 1], [null, 2, 10]]);
  const stored = JSON.stringify(await site.redis.command('HGETALL', 'fg:{show}:codes'));
  const trail = (await site.front.admin.get('/admin/events/show/audit')).text;
  for (const text of [stored, trail]) assert.doesNotMatch(text, /SECRET/i);
  assert.match(trail, /"what":"codes"/);
  const refused = async (body, status = 422, code = 'codes-invalid') =>
    assertProblem(await site.front.admin.put(path('show'), { body }), status, code);
  await refused({ codes: ['abc'] });
  await refused({ codes: [] });
  await refused({ codes: ['GOOD-CODE'], digests: ['00'.repeat(32)] });
  await refused({ digests: ['zz'.repeat(32)] });
  await refused({ codes: ['GOOD-CODE'], lane: 'nowhere' });
  await refused({ codes: Array.from({ length: 1001 }, (_, i) => `CODE-${i}`) });
  assertProblem(await site.front.admin.put(path('other'), { body: { codes: ['GOOD-CODE'] } }), 404, 'event-unknown');
  assert.deepEqual((await site.front.admin.delete(path('show'))).json.codes, []);
  assertProblem(await new Visitor(site.front, 'show').join(withCode('SECRET-ONE')), 422, 'code-unknown');
});

test('a form without a script asks for the code and names its fault', async (t) => {
  const site = await presale(t);
  await load(site, { codes: ['FORM-CODE'] });
  const page = (await site.front.http.get('/e/show')).text;
  assert.match(page, /<details id="presale"[^>]*open>/);
  assert.match(page, /<input id="presale-code" name="code"/);
  assert.match(page, /예매 코드로 참여하기|Join with code/);
  const visitor = new Visitor(site.front, 'show');
  const form = (body) => visitor.join({
    headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }, body });
  assert.equal((await form('')).headers.location, '/e/show?notice=code-required');
  assert.equal((await form('code=NO-SUCH-CODE')).headers.location, '/e/show?notice=code-unknown');
  const there = await form('code=form+code');
  assert.deepEqual([there.status, there.headers.location], [303, '/e/show']);
  assert.equal((await visitor.me()).json.position, 1);
  await patch(site.front, 'show', { code_required: false });
  await untilEveryLoop(site.front, 'show', 'open');
  await until('the field to go', async () =>
    !(await site.front.http.get('/e/show')).text.includes('id="presale"'));
  assert.equal((await live(site.front, 'show')).issued, 1);
});
