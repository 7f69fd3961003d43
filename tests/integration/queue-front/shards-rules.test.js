// Limits across visitors of a sharded line: each visitor is numbered in the shard of their own key, but their credentials
// (work, an invitation, a code, an address) may come with many keys, at any front.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertProblem, assertStatus, until } from '../../lib-js/index.js';
import { upTo } from '../line/line.js';
import { asMember, openShop } from './shop.js';
import { act, invitationsOf, makeEvent, openShow, patch, solve, untilShardsHear, Visitor, withinAMinute } from './support.js';

const SHARDS = 4;
const STILL = { shards: SHARDS, rate_per_s: 0 };
const CLIENTS = { http: { trusted_proxies: '127.0.0.1' } };
const of = (answers, status) => answers.filter((answer) => answer.status === status);
const positions = (answers) => answers.map(({ json }) => json.position).sort((a, b) => a - b);

// A join that is retried while its outcome is unknown.
async function join(front, { headers = {}, ...options } = {}) {
  return until('an answer', async () => {
    const answer = await front.http.post('/v1/queue/show/join', { headers, ...options });
    return (answer.status !== 503 || answer.json.code === 'line-full') && answer;
  });
}

// The headers of solved work for a place.
async function solvedWork(front) {
  const { challenge, bits } = assertProblem(await join(front), 428, 'proof-of-work-required');
  return { 'x-proof-of-work': solve(challenge, bits, () => {}) };
}

const keyed = (key, headers = {}) => ({ headers: { 'idempotency-key': key, ...headers } });
// Joins with that many keys, half on each front, all at once.
const joinAll = (site, n, options) => Promise.all(upTo(n).map((i) => join(site.fronts[i % site.fronts.length], options(i))));

const over = (t, knobs, options) => openShow(t, knobs, { fronts: 2, ...options });

describe('over shards', { concurrency: 4 }, () => {
  test('one solution is one place, whatever keys it comes with', async (t) => {
    const site = await over(t, { ...STILL, pow_bits: 8 });
    const work = await solvedWork(site.front);
    const answers = await joinAll(site, 12, (i) => keyed(`k${i}`, work));
    assert.deepEqual(positions(of(answers, 201)), [1]);
    for (const answer of of(answers, 428)) assert.equal(answer.json.reason, 'used');
    assert.equal(of(answers, 428).length, 11);
    const mine = answers.findIndex(({ status }) => status === 201) + 1;
    for (const front of site.fronts) {
      const again = await join(front, keyed(`k${mine}`, work));
      assert.deepEqual([again.status, again.json.position], [200, 1]);
    }
  });

  test('who gave a place up gets another by the same key, for other work', async (t) => {
    const site = await over(t, { ...STILL, pow_bits: 8 });
    const joinByWork = async () => join(site.front, keyed('mine', await solvedWork(site.front)));
    const { ticket } = (await joinByWork()).json;
    assert.equal((await site.front.http.post('/v1/queue/show/leave', { headers: { authorization: `Bearer ${ticket}` } })).status, 204);
    const again = await joinByWork();
    assert.deepEqual([again.status, again.json.position], [201, 2], again.text);
  });

  test('one key gets place after place, each by a use of a code', async (t) => {
    const site = await over(t, { ...STILL, code_required: true });
    await site.front.admin.put('/admin/events/show/codes', { body: { codes: ['THREE-TIMES'], uses: 3 } });
    const mine = (front) => join(front, { ...keyed('mine'), body: { code: 'THREE-TIMES' } });
    for (const nth of upTo(3)) {
      const { json, status } = await mine(site.front);
      assert.deepEqual([status, json.position], [201, nth]);
      for (const front of site.fronts) assert.equal((await mine(front)).json.position, nth);
      assert.equal((await site.front.admin.get('/admin/events/show/codes')).json.codes[0].used, nth);
      await site.front.http.post('/v1/queue/show/leave', { headers: { authorization: `Bearer ${json.ticket}` } });
    }
    assertProblem(await mine(site.front), 422, 'code-used-up');
  });

  test('who gave a place up gets another in the lane that a code opens', async (t) => {
    const site = await over(t, { ...STILL, pow_bits: 8, lanes: [{ id: 'club', share: 30 }] });
    await site.front.admin.put('/admin/events/show/codes', { body: { lane: 'club', codes: ['CLUB-CODE'] } });
    const visitor = new Visitor(site.front, 'show');
    const joinByWork = async (body, headers) => visitor.join({ headers: { ...await solvedWork(site.front), ...headers }, body });
    const { ticket } = assertStatus(await joinByWork(), 201).json;
    assertStatus(await visitor.leave(), 204);
    const again = await joinByWork({ code: 'CLUB-CODE' }, { authorization: `Bearer ${ticket}` });
    assert.deepEqual([again.status, again.json.lane], [201, 'club'], again.text);
  });

  test('without a key the same work is the same place', async (t) => {
    const site = await over(t, { ...STILL, pow_bits: 8 });
    for (const nth of upTo(6)) {
      const work = { headers: await solvedWork(site.front) };
      const answers = [await join(site.front, work), await join(site.fronts[1], work)];
      assert.deepEqual(answers.map(({ status, json }) => [status, json.position]), [[201, nth], [200, nth]]);
    }
  });

  test('the join limit of an address covers all shards', async (t) => {
    const site = await over(t, { ...STILL, joins_per_ip_per_min: 5 }, { config: CLIENTS });
    const from = (address) => ({ 'x-forwarded-for': address });
    await withinAMinute(site, async (n) => {
      const full = from(`198.51.${n}.7`);
      const { position } = (await join(site.front, keyed(`first-${n}`, from(`192.0.2.${n}`)))).json;
      const behind = (answers) => positions(answers).map((place) => place - position);
      const answers = await joinAll(site, 24, (i) => keyed(`k${n}-${i}`, full));
      assert.deepEqual(behind(of(answers, 201)), upTo(5));
      for (const answer of of(answers, 429)) assertProblem(answer, 429, 'too-many-joins');
      assert.equal(of(answers, 429).length, 19);
      const mine = answers.findIndex(({ status }) => status === 201) + 1;
      assert.equal((await join(site.front, keyed(`k${n}-${mine}`, full))).status, 200, 'a visitor finds the place');
      const others = await joinAll(site, 6, (i) => keyed(`o${n}-${i}`, from(`198.51.${n}.${10 + i}`)));
      assert.deepEqual(behind(others), [6, 7, 8, 9, 10, 11]);
    });
  });

  test('the same join again counts against its address once, and not in later minutes', async (t) => {
    const site = await over(t, { ...STILL, joins_per_ip_per_min: 2 }, { config: CLIENTS });
    await withinAMinute(site, async (n) => {
      const from = (key) => keyed(`${key}-${n}`, { 'x-forwarded-for': `198.51.100.${n}` });
      const { position } = (await join(site.front, from('mine'))).json;
      for (let i = 0; i < 6; i += 1) assert.equal((await join(site.fronts[i % 2], from('mine'))).json.position, position);
      assert.equal((await join(site.front, from('yours'))).json.position, position + 1);
      assertProblem(await join(site.front, from('theirs')), 429, 'too-many-joins');
      await until('six joins whose outcome is known', async () => { // one that is unknown keeps its count
        await site.redis.command('DEL', 'none', ...await site.redis.command('KEYS', 'fg:*:ip:*')); // as in the next minute
        for (let i = 0; i < 6; i += 1) {
          const again = await site.fronts[i % 2].http.post('/v1/queue/show/join', from('mine'));
          if (again.status === 503) return false;
          assert.equal(again.json.position, position);
        }
        return true;
      });
      for (const key of ['hers', 'his']) assert.equal((await join(site.front, from(key))).status, 201, 'who has a place takes up none');
      assertProblem(await join(site.front, from('theirs')), 429, 'too-many-joins');
    });
  });

  test('addresses that were counted before all fronts were away are forgotten', async (t) => {
    const site = await over(t, { ...STILL, joins_per_ip_per_min: 1000 });
    assert.equal((await join(site.front)).status, 201);
    const longAgo = Math.floor(Number((await site.redis.command('TIME'))[0]) / 60) - 90;
    await site.redis.command('HSET', `fg:{show:0}:ip:${longAgo}`, 'an address', '1');
    await site.redis.command('HSET', 'fg:{show:0}:cfg', 'minute', String(longAgo));
    await until('them to be gone', async () => {
      await join(site.front); // for this the shards are read
      return Number(await site.redis.command('EXISTS', `fg:{show:0}:ip:${longAgo}`)) === 0;
    });
    await makeEvent(site, 'plain', { rate_per_s: 0, joins_per_ip_per_min: 5 });
    for (const event of ['show', 'plain']) await site.front.http.post(`/v1/queue/${event}/join`);
    const kept = () => site.redis.command('KEYS', 'fg:*:ip:*');
    assert.ok((await kept()).length >= 2);
    for (const event of ['show', 'plain']) await act(site.front, event, 'close');
    await until('those of the last minute to be gone, too', async () => (await kept()).length === 0);
  });

  test('a code opens as many places as it has uses', async (t) => {
    const site = await over(t, { ...STILL, code_required: true, line_max: 100 });
    const codes = async () => (await site.front.admin.get('/admin/events/show/codes')).json.codes[0];
    const load = await site.front.admin.put('/admin/events/show/codes', { body: { codes: ['SHARED-CODE'], uses: 7 } });
    assert.equal(load.status, 200, load.text);
    const shown = (key, code = 'SHARED-CODE') => ({ ...keyed(key), body: { code } });
    assertProblem(await join(site.front, shown('k1', 'WRONG-CODE')), 422, 'code-unknown');
    const answers = await joinAll(site, 40, (i) => shown(`k${i}`));
    assert.deepEqual(positions(of(answers, 201)), upTo(7));
    for (const answer of of(answers, 422)) assertProblem(answer, 422, 'code-used-up');
    const mine = answers.findIndex(({ status }) => status === 201) + 1;
    for (const front of site.fronts) assert.equal((await join(front, shown(`k${mine}`))).status, 200);
    assert.deepEqual(await codes(), { lane: 'general', channel: null, codes: 1, uses: 7, used: 7 });

    await site.front.admin.put('/admin/events/show/codes', { body: { codes: ['SHARED-CODE'], uses: 99 } });
    await patch(site.front, 'show', { line_max: 1 });
    const full = await until('the line to be full', async () => {
      const answer = await join(site.front, shown('late'));
      assert.notEqual(answer.status, 201);
      return answer.json.code === 'line-full' && answer;
    });
    assertProblem(full, 503, 'line-full');
    assert.equal((await codes()).used, 7);
  });

  test('a code is not given back for a join whose twin has a place by it', async (t) => {
    const site = await over(t, { ...STILL, code_required: true, joins_per_ip_per_min: 2 }, { config: CLIENTS });
    const rounds = upTo(12);
    await withinAMinute(site, async (m) => {
      const codes = ['FILL-1', 'FILL-2', ...rounds.map((n) => `ONCE-${n}`)].map((code) => `${code}-OF-${m}`);
      const load = await site.front.admin.put('/admin/events/show/codes', { body: { codes } });
      assert.equal(load.status, 200, load.text);
      const shown = (code, address, cookie = '') => join(site.fronts[0], { headers: { 'x-forwarded-for': address, cookie }, body: { code: `${code}-OF-${m}` } });
      for (const code of ['FILL-1', 'FILL-2']) assert.equal((await shown(code, `192.0.${m}.1`)).status, 201);
      for (const n of rounds) {
        const cookie = `fg_visitor=${String(100 * m + n).padStart(21, 'A')}A`;
        const twins = await Promise.all([`192.0.${m}.1`, `198.51.${m}.${n}`].map((address) => shown(`ONCE-${n}`, address, cookie)));
        const other = await shown(`ONCE-${n}`, `203.0.${m}.${n}`);
        assert.equal([...twins, other].filter(({ status }) => status === 201).length, 1, [...twins, other].map(({ text }) => text).join());
      }
    });
  });

  test('a code opens its place while the event changes', async (t) => {
    const site = await over(t, { ...STILL, code_required: true });
    let busy = 0;
    for (const n of upTo(12)) {
      const codes = upTo(16).map((k) => `ROUND-${n}-CODE-${k}`);
      await site.front.admin.put('/admin/events/show/codes', { body: { codes, channel: 'fans' } });
      const joins = codes.map((code) => site.front.http.post('/v1/queue/show/join', { body: { code } }));
      const [, ...answers] = await Promise.all([patch(site.front, 'show', { message: { en: `change ${n}` } }), ...joins]);
      busy += of(answers, 503).length; // they may have a number
      assert.deepEqual(answers.filter(({ status }) => status !== 503 && status !== 201).map(({ text }) => text), []);
      const places = positions(of(answers, 201));
      assert.equal(new Set(places).size, places.length, 'each has its own place');
      if (busy === 0) assert.deepEqual(places, codes.map((_, k) => (n - 1) * codes.length + k + 1));
    }
  });

  test('a join that is given no place by its invitation leaves it to others', async (t) => {
    const shop = openShop();
    const lanes = [{ id: 'fans', share: 30, invitations: 30 }];
    const knobs = { ...STILL, member_required: true, joins_per_ip_per_min: 2, lanes };
    const site = await over(t, knobs, { config: { ...CLIENTS, members: { keys: shop.file } } });
    const codes = await invitationsOf(site.front, 'show');
    const by = (name, n, address = `198.51.100.${name.length}`) => join(site.fronts[n % 2], { headers: {
      ...asMember(shop.token(name)).headers, 'x-invitation': codes[n], 'x-forwarded-for': address } });
    assert.equal((await by('kim', 0)).status, 201);
    // A second invitation, shown again and by two requests at once.
    for (let n = 1; n < 7; n += 1) {
      for (const again of await Promise.all([by('kim', n), by('kim', n)])) assert.deepEqual([again.status, again.json.position], [200, 1]);
      assert.equal((await by('kim', n)).status, 200);
      const other = await by(`lee-${'x'.repeat(n)}`, n);
      assert.deepEqual([other.status, other.json.position], [201, n + 1], other.text);
      assertProblem(await by('pat', n), 422, 'invitation-used');
    }
    assert.equal((await by('kim', 0)).status, 200);
    assertProblem(await by('pat', 0), 422, 'invitation-used');
    // One of a join beyond its address's limit.
    await withinAMinute(site, async (m) => {
      const [first, second, third, last] = [0, 1, 2, 3].map((i) => 8 + 4 * m + i);
      const address = `203.0.113.${m}`;
      for (const n of [first, second]) assert.equal((await by(`crowd-${m}-${n}`, n, address)).status, 201);
      assertProblem(await by(`late-${m}`, third, address), 429, 'too-many-joins');
      assert.equal((await by(`other-${m}`, third, `192.0.2.${m}`)).status, 201);
      assert.equal((await by(`late-${m}`, last, `192.0.3.${m}`)).status, 201);
    });
  });

  test('a code that is shown for an earlier place stays unused', async (t) => {
    const site = await over(t, { ...STILL });
    await site.front.admin.put('/admin/events/show/codes', { body: { codes: ['ONCE-ONLY'], channel: 'fans' } });
    const used = async () => (await site.front.admin.get('/admin/events/show/codes')).json.codes[0].used;
    const shown = (key) => ({ ...keyed(key), body: { code: 'ONCE-ONLY' } });
    assert.equal((await join(site.front, keyed('early'))).status, 201);
    for (const answer of await Promise.all(site.fronts.map((front) => join(front, shown('early'))))) assert.equal(answer.status, 200);
    assert.equal((await join(site.front, shown('early'))).status, 200);
    assert.equal(await used(), 0);
    assert.deepEqual(await site.redis.command('HGETALL', 'fg:{show}:opened'), []);
    const answer = await join(site.fronts[1], shown('late'));
    assert.deepEqual([answer.status, answer.json.position], [201, 2], answer.text);
    assert.equal((await join(site.front, shown('late'))).status, 200);
    assert.equal(await used(), 1);
    assert.deepEqual(await site.redis.command('HGETALL', 'fg:{show}:opened'), ['2', 'fans']);
    assertProblem(await join(site.front, shown('other')), 422, 'code-used-up');
  });

  test('a full line accepts a few more joins at most', async (t) => {
    const site = await over(t, { ...STILL, line_max: 40 });
    // Each waits for a cut, however long that takes, so a cut finds at most as many as are in progress.
    const WIDTH = 16;
    const answers = [];
    const left = upTo(150);
    await Promise.all(upTo(WIDTH).map(async () => {
      for (let i = left.shift(); i !== undefined; i = left.shift()) answers[i - 1] = await join(site.fronts[i % 2], keyed(`k${i}`));
    }));
    const inside = of(answers, 201);
    assert.ok(inside.length >= 40 && inside.length <= 40 + WIDTH + SHARDS, `${inside.length} of 40`);
    assert.deepEqual(positions(inside), upTo(inside.length));
    for (const answer of of(answers, 503)) assertProblem(answer, 503, 'line-full');
    const mine = answers.findIndex(({ status }) => status === 201) + 1;
    assert.equal((await join(site.fronts[1], keyed(`k${mine}`))).status, 200, 'a visitor finds the place');
    assertProblem(await join(site.front, keyed('late')), 503, 'line-full');
    await patch(site.front, 'show', { line_max: 41 + inside.length });
    await until('room for one more', async () => (await join(site.front, keyed('late'))).status === 201);
  });

  test('a lane is its own line, and an invitation one place', async (t) => {
    const shop = openShop();
    const lanes = [{ id: 'fans', share: 30, invitations: 40 }];
    const site = await over(t, { ...STILL, lanes }, { config: { members: { keys: shop.file } } });
    const codes = await invitationsOf(site.front, 'show');
    const general = await joinAll(site, 20, (i) => keyed(`k${i}`));
    const fans = await joinAll(site, 20, (i) => keyed(`k${i}`, { 'x-invitation': codes[i] }));
    for (const answers of [general, fans]) assert.deepEqual(positions(of(answers, 201)), upTo(20));
    const again = await joinAll(site, 20, (i) => keyed(`again${i}`, { 'x-invitation': codes[i] }));
    assert.deepEqual(again.map(({ status, json }) => [status, json.position]), fans.map(({ json }) => [200, json.position]));
    await untilShardsHear(site, 'show', (await patch(site.front, 'show', { member_required: true })).version, SHARDS);
    const members = await joinAll(site, 8, (i) => keyed(`m${i}`, { 'x-invitation': codes[30], ...asMember(shop.token(`m${i}`)).headers }));
    assert.deepEqual(positions(of(members, 201)), [21]);
    for (const answer of of(members, 422)) assertProblem(answer, 422, 'invitation-used');
    assert.equal(of(members, 422).length, 7);
    const given = await Promise.all(upTo(SHARDS).map((k) => site.redis.command('GET', `fg:{show:${k - 1}}:@1:seq`)));
    assert.equal(given.map(Number).reduce((sum, of) => sum + of), 21, 'the shards have them');
  });
});
