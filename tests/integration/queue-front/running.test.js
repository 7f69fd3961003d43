// A running event is created again from an archive taken while it ran: Redis and all fronts are lost at once, and tickets
// and passes stay valid. Two fronts, and a Redis that loses everything.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertProblem, assertStatus, delay, openScope, until } from '../../lib-js/index.js';
import { act, archiveOf, at, fairnessOf, invitationsOf, joinInTurn, live, makeEvent, makePreQueue, openShow, openSite, patch, untilDrawn, untilDrawnEverywhere, untilState } from './support.js';

const runningOf = (front, id) => archiveOf(front, id, '?running=true');
const headOf = (text) => JSON.parse(text.split('\n')[0]);
const restore = (front, id, body, query = '') =>
  front.admin.post(`/admin/events/${id}/actions/restore${query}`, { body, headers: { 'X-Operator': 'kim' } });

// Restarts an empty Redis, and the fronts.
async function loseAll(site) {
  await Promise.all(site.fronts.map((front) => front.stop()));
  await site.redis.command('FLUSHALL');
  await site.redis.stop();
  await site.redis.start();
  assert.deepEqual(await site.redis.command('KEYS', '*'), []);
  for (const front of site.fronts) await front.start();
}

// Adds a new key before all others, or with `alone` replaces them.
function turnRing(path, id, alone = false) {
  const before = existsSync(path) && !alone ? readFileSync(path, 'utf8') : '';
  writeFileSync(path, `${id} ${randomBytes(16).toString('hex')}\n${before}`, { mode: 0o600 });
}

async function known(site, id) {
  for (const front of site.fronts)
    await until('all to know it again', async () => (await front.http.get(`/v1/queue/${id}/status`)).status === 200);
}

describe('an event that runs, made again from its archive', async () => {
  const scope = openScope(test);
  const site = await openSite(null, { scope, fronts: 2 });

  test('an open line goes on with its places, visits and calls', async () => {
    await makeEvent(site, 'show', { rate_per_s: 1000, burst: 100, max_active: 2, call_ttl_s: 600, session_ttl_s: 600 });
    const visitors = await joinInTurn(site, 'show', 10);
    assertProblem(await site.front.admin.get('/admin/events/show/archive'), 409, 'event-not-closed');
    for (const visitor of visitors.slice(0, 2)) visitor.visit = await visitor.entered();
    await until('the front to see both inside', async () =>
      (await site.front.admin.get('/admin/events')).json.events[0].live.active === 2);
    const text = await runningOf(site.front, 'show');
    const head = headOf(text);
    assert.deepEqual([head.format_version, head.state, head.figures.called], [2, 'open', 2]);

    // After the archive was taken: five more have joined, one more has entered, one more is called.
    visitors.push(...await joinInTurn(site, 'show', 5));
    await patch(site.front, 'show', { max_active: 3 });
    visitors[2].visit = await visitors[2].entered();
    await patch(site.front, 'show', { max_active: 4 });
    await visitors[3].untilCalled();
    assert.deepEqual(visitors.map(({ first }) => first.position), Array.from({ length: 15 }, (_, i) => i + 1));

    // New events use another identity key by now; this one keeps its own.
    const identity = await site.redis.command('HGET', 'fg:{show}:cfg', 'identity');
    turnRing(site.secrets.path('identity-keys'), 9);

    await loseAll(site);
    const made = assertStatus(await restore(site.front, 'show', text), 201);
    assert.deepEqual([made.json.state, made.json.incarnation, made.json.version, made.json.max_active],
      ['open', head.incarnation, head.version, 2]);
    await known(site, 'show');

    assert.equal(await site.redis.command('HGET', 'fg:{show}:cfg', 'identity'), identity);
    for (const [i, visitor] of visitors.entries()) {
      const me = await visitor.me({ front: site.fronts[(i + 1) % 2] });
      assert.deepEqual([me.status, me.json.position], [200, i + 1], me.text);
    }
    const late = await joinInTurn(site, 'show', 4);
    const numbers = late.map(({ first }) => first.position);
    assert.ok(Math.min(...numbers) > 15, `${numbers} are above what was given`);
    assert.equal(new Set(numbers).size, 4);
    assert.equal((await visitors[9].join()).json.position, 10, 'a visitor keeps the place');

    // All three continue, including the third, whom the archive does not have.
    for (const visitor of [visitors[2], visitors[0], visitors[1]])
      assert.equal(await until('the visit to go on', async () => {
        const answer = await visitor.session({ front: site.fronts[1], headers: { authorization: `Bearer ${visitor.visit.pass}` } });
        return answer.status !== 503 && answer.status;
      }), 200);
    for (const front of site.fronts)
      await until('the status to show three calls', async () => (await front.http.get('/v1/queue/show/status')).json.serving >= 3);

    // The visitor who had been called is called before all others.
    await patch(site.front, 'show', { max_active: 4 });
    await visitors[3].entered({ front: site.fronts[1] });
    assert.equal((await visitors[4].me()).json.called, false);
    await patch(site.front, 'show', { max_active: 5 });
    await visitors[4].entered();
    const { audit } = (await site.front.admin.get('/admin/events/show/audit')).json;
    assert.deepEqual([audit.at(-1).what, audit.at(-1).who, audit.at(-1).to.state], ['restore', 'kim (admin token)', 'open']);
    assert.equal((await restore(site.front, 'show', text)).status, 200);
  });

  test('a ticket that is shown raises the counter beyond the gap', async () => {
    await makeEvent(site, 'gap', { rate_per_s: 0 });
    await site.front.admin.put('/admin/events/gap/codes', { body: { codes: ['FAN-CODE-1', 'FAN-CODE-2'] } });
    await until('the codes to be seen', async () => headOf(await runningOf(site.front, 'gap')).restore.codes === 2);
    const text = await runningOf(site.front, 'gap');
    const visitors = await joinInTurn(site, 'gap', 200);
    await loseAll(site);
    assert.equal((await restore(site.front, 'gap', text)).status, 201);
    await known(site, 'gap');
    const { joined, codes_missing: missing } = await live(site.front, 'gap');
    assert.deepEqual([joined, missing], [0, 2], 'a gap is no joins, and no archive has the codes themselves');
    assert.equal((await visitors[199].me()).json.position, 200, 'beyond the 128 of the gap');
    for (const front of site.fronts)
      await until('all to know of it', async () => (await front.http.get('/v1/queue/gap/status')).json.issued > 200);
    const late = await joinInTurn(site, 'gap', 2);
    assert.ok(late[0].first.position > 200, `${late[0].first.position}`);
    assert.equal((await visitors[150].me({ front: site.fronts[1] })).json.position, 151);
  });

  test('a draw that was held is imported with its proof, lane by lane', async () => {
    const lanes = [{ id: 'fans', name: 'Fans', share: 20, invitations: 5 }];
    await makePreQueue(site, 'drawn', { rate_per_s: 0, burst: 1, lanes });
    const codes = await invitationsOf(site.front, 'drawn');
    const visitors = [...await joinInTurn(site, 'drawn', 20),
      ...await joinInTurn(site, 'drawn', 3, (i) => ({ headers: { 'x-invitation': codes[i] } }))];
    await act(site.front, 'drawn', 'draw');
    const shown = []; // the draw comes to each line with a tick of its own
    for (const line of ['', '?lane=fans']) shown.push(await untilDrawnEverywhere(site, 'drawn', line));
    const places = await Promise.all(visitors.map(async (visitor) => (await visitor.me()).json.position));
    const text = await runningOf(site.fronts[1], 'drawn');
    assert.equal(headOf(text).restore.lines[0].seed, shown[0].seed);
    await loseAll(site);
    assert.equal((await restore(site.front, 'drawn', text)).status, 201);
    await known(site, 'drawn');
    for (const front of site.fronts) {
      const ofFans = await untilDrawn(front, 'drawn', '?lane=fans');
      assert.deepEqual([await fairnessOf(front, 'drawn'), ofFans], shown);
      assert.deepEqual(await Promise.all(visitors.map(async (visitor) => (await visitor.me({ front })).json.position)), places);
    }
  });

  test('a coming draw is the promised one', async () => {
    await makePreQueue(site, 'sealed', { rate_per_s: 0 });
    const visitors = await joinInTurn(site, 'sealed', 5);
    const { commitment } = await fairnessOf(site.front, 'sealed');
    const text = await runningOf(site.front, 'sealed');
    visitors.push(...await joinInTurn(site, 'sealed', 5)); // they are not in the archive
    await loseAll(site);
    assert.equal((await restore(site.front, 'sealed', text)).status, 201);
    await known(site, 'sealed');
    for (const visitor of visitors) assert.equal((await visitor.me()).json.position, null);
    assert.equal((await fairnessOf(site.fronts[1], 'sealed')).commitment, commitment);
    await act(site.front, 'sealed', 'draw');
    const { seed } = await untilDrawnEverywhere(site, 'sealed');
    assert.equal(createHash('sha256').update(Buffer.from(seed, 'hex')).digest('hex'), commitment);
    assert.ok(!text.includes(seed), 'the archive had no seed');
    const places = await Promise.all(visitors.map(async (visitor) => (await visitor.me()).json.position));
    assert.ok(places.every((place) => place > 0));
    assert.equal(new Set(places).size, 10, 'also those of whom the archive knew nothing');
  });

  test('a draw that may have been held is not repeated unasked', async () => {
    await makePreQueue(site, 'again', { rate_per_s: 0 });
    const visitors = await joinInTurn(site, 'again', 5);
    await patch(site.front, 'again', { opens_at: at(12_000) });
    const text = await runningOf(site.front, 'again');
    await untilState(site.front, 'again', 'open');
    await loseAll(site);
    assertProblem(await restore(site.front, 'again', text), 409, 'draw-unknown');
    await delay(600); // longer than a front takes to see a new event: none was created
    assert.equal((await site.front.admin.get('/admin/events/again')).status, 404);
    assert.equal((await restore(site.front, 'again', text, '?redraw=true')).status, 201);
    await known(site, 'again');
    for (const front of site.fronts) await untilState(front, 'again', 'open');
    assert.ok((await visitors[4].me()).json.position > 0);
  });
});

// A cluster's slots are on several servers. Shards number their joins; the lost slot had the cuts that made places of them.
test('a line whose shards have survived counts nobody twice', async (t) => {
  const site = await openShow(t, { rate_per_s: 0, shards: 4 }, { fronts: 2 });
  const early = await joinInTurn(site, 'show', 60);
  await until('the front to see all', async () => (await live(site.front, 'show')).waiting === 60);
  const text = await runningOf(site.front, 'show');
  early.push(...await joinInTurn(site, 'show', 5)); // they are not in the archive
  await Promise.all(site.fronts.map((front) => front.stop()));
  const { redis } = site;
  for (const part of ['fg:{show}:*', '{fg:events}:*', 'fg:events']) {
    const keys = await redis.command('KEYS', part);
    if (keys.length > 0) await redis.command('DEL', ...keys);
  }
  for (const front of site.fronts) await front.start();
  assert.equal((await restore(site.front, 'show', text)).status, 201);
  await known(site, 'show');
  const late = await joinInTurn(site, 'show', 10);
  const places = [...early, ...late].map(({ first }) => first.position);
  assert.equal(new Set(places).size, 75, `${places}`);
  for (const visitor of early) assert.equal((await visitor.me()).json.position, visitor.first.position);
  // Five places belong to nobody until their visitors poll.
  await until('the line to have all of them', async () => (await live(site.front, 'show')).waiting === 75);
});

test('nothing is restored without the key of a coming draw', async (t) => {
  const scope = openScope(t);
  const draws = join(scope.tempDir('draws-'), 'draw-keys');
  turnRing(draws, 1);
  const site = await openSite(t, { scope, config: { keys: { draws } } });
  await makePreQueue(site, 'show');
  turnRing(draws, 2); // signs archives from now on; the first key sealed the draw
  await site.front.restart();
  const text = await runningOf(site.front, 'show');
  const ring = readFileSync(draws, 'utf8');
  writeFileSync(draws, `${ring.split('\n')[0]}\n`);
  await loseAll(site);
  assertProblem(await restore(site.front, 'show', text), 409, 'seed-key-missing');
  assert.equal((await site.front.admin.get('/admin/events/show')).status, 404);
  writeFileSync(draws, ring);
  await site.front.restart();
  assert.equal((await restore(site.front, 'show', text)).status, 201);
  await act(site.front, 'show', 'draw');
});
