// An event that is created again under an old id is a new incarnation: tickets, passes, sessions and codes of the old one
// are invalid in it. An event that Redis lost and fronts healed is the same one.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { FAST, joinInTurn, live, makeEvent, openShow, STILL, Visitor } from './support.js';

const incarnation = async (front) => (await front.admin.get('/admin/events/show')).json.incarnation;
const seq = (site) => site.redis.command('GET', 'fg:{show}:seq').then((value) => Number(value ?? 0));

// As after a rehearsal: everything stopped, Redis emptied, the event created again under its id.
async function flushed(site, knobs) {
  for (const front of site.fronts) await front.kill();
  await site.redis.command('FLUSHALL');
  for (const front of site.fronts) await front.start();
  await makeEvent(site, 'show', knobs);
}

async function assertRenewed(site, { visitor, ticket, pass, session, code }) {
  const call = (method, name, options, event = 'show') =>
    site.front.http.call(method, `/v1/queue/${event}/${name}`, options);
  for (const [method, name] of [['GET', 'me'], ['POST', 'pass'], ['POST', 'leave'], ['POST', 'move'], ['POST', 'join']]) {
    assertProblem(await call(method, name, { token: ticket }), 401, 'event-renewed', name);
  }
  for (const [method, name] of [['POST', 'session'], ['GET', 'verify'], ['POST', 'leave']]) {
    assertProblem(await call(method, name, { token: pass }), 401, 'event-renewed', name);
  }
  assertProblem(await new Visitor(site.front, 'show').call('POST', 'move', { body: { code } }), 404, 'code-unknown');
  const form = { token: pass, headers: { accept: 'text/html' } };
  assert.match((await site.front.http.post('/v1/queue/show/session', form)).headers.location, /notice=event-renewed$/);
  assert.equal((await site.front.admin.post(`/internal/sessions/${session}/end`)).status, 204);
  assertProblem(await visitor.me(), 401, 'event-renewed');
}

async function fill(site) {
  const visitors = await joinInTurn(site, 'show', 3, (i) => ({ headers: { 'idempotency-key': `visitor-${i}` } }));
  const [inside, mover, visitor] = visitors;
  const { pass, session } = await inside.entered();
  const { code } = (await mover.call('POST', 'move')).json;
  return { visitors, visitor, ticket: visitor.first.ticket, pass, session, code };
}

test('nothing of a flushed rehearsal is valid in the new event', async (t) => {
  const site = await openShow(t, FAST);
  const before = await incarnation(site.front);
  assert.match(before, /^[0-9a-f]{18}$/);
  const old = await fill(site);
  await flushed(site, FAST);
  assert.ok(await incarnation(site.front) > before, 'the later one compares higher');
  await assertRenewed(site, old);
  assert.equal(await seq(site), 0, 'no place of the old event was taken for one of this');
  // The place with the same number belongs to another visitor now, and stays theirs.
  const first = new Visitor(site.front, 'show');
  assert.equal((await first.joined()).position, 1);
  await first.entered();
  await assertRenewed(site, old);
  assert.equal((await first.session()).status, 200);
  // A visitor with old cookies joins as a new one, and only once.
  const again = await old.visitor.join();
  assert.deepEqual([again.status, again.json.position], [201, 2]);
  assert.deepEqual([(await old.visitor.join()).status, (await old.visitor.me()).json.position], [200, 2]);
});

test('running fronts forget an event that is created again', async (t) => {
  const site = await openShow(t, FAST, { fronts: 2 });
  const old = await fill(site);
  const { redis } = site;
  const lines = (await redis.command('KEYS', 'fg:{show}:*')).filter((key) => !/:(cfg|audit)$/.test(key));
  const newer = `${'f'.repeat(12)}00abcd`;
  // In one step: a deletion and a creation between two ticks.
  await redis.command('EVAL', `redis.call('DEL', unpack(KEYS, 2))
    redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'version', 2)`,
  1 + lines.length, 'fg:{show}:cfg', ...lines, newer);
  for (const front of site.fronts) {
    await until('the front to see it', async () => await incarnation(front) === newer);
    await until('an empty line', async () => (await live(front, 'show'))?.issued === 0);
  }
  await assertRenewed(site, old);
  assert.equal(await seq(site), 0);
  for (const [i, visitor] of old.visitors.entries()) {
    const answer = await visitor.join({ headers: { 'idempotency-key': `visitor-${i}` } });
    assert.deepEqual([answer.status, answer.json.position], [201, i + 1], answer.text);
  }
  const heals = await Promise.all(site.fronts.map(async (front) =>
    (await front.metrics()).get('fairgate_store_heals_total')));
  assert.deepEqual(heals, [0, 0], 'and nothing was taken for a loss');
});

test('Redis gone back to the event before is healed to the one made last', async (t) => {
  const site = await openShow(t, STILL, { fronts: 2 });
  const visitors = await joinInTurn(site, 'show', 5);
  const now = await incarnation(site.front);
  const older = `${'0'.repeat(12)}00abcd`;
  await site.redis.command('EVAL', `redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'version', 900)
    redis.call('SET', KEYS[2], 70000) redis.call('SET', KEYS[3], 60000)`,
  3, 'fg:{show}:cfg', 'fg:{show}:seq', 'fg:{show}:serving', older);
  for (const front of site.fronts) {
    await until('a heal', async () =>
      await site.redis.command('HGET', 'fg:{show}:cfg', 'incarnation') === now);
    await until('its numbers', async () => {
      const answer = await front.http.get('/v1/queue/show/status');
      return answer.json.stale === undefined && answer.json.issued < 70000;
    });
    for (const [i, visitor] of visitors.entries()) {
      assert.equal((await visitor.me({ front })).json.position, i + 1);
    }
  }
  const next = await until('a place', async () => {
    const answer = await new Visitor(site.front, 'show').join();
    return answer.status === 201 && answer.json;
  });
  assert.ok(next.position > 5 && next.position < 60000, `position ${next.position}`);
});
