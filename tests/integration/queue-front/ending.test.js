// The end of an event: it is closed, archived and deleted, its id is reused, and thousands of ended events do not slow down
// running ones. Two fronts with a real Redis.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { assertStatus, openScope, until } from '../../lib-js/index.js';
import { act, at, invitationsOf, joinInTurn, makeEvent, openSite, patch, startFront, untilEveryLoop, Visitor } from './support.js';

const version = async (front, id) => (await front.admin.get(`/admin/events/${id}`)).headers.etag;
const listed = async (front) => (await front.admin.get('/admin/events')).json.events.map(({ id }) => id);
const ended = async (front, query = '') => (await front.admin.get(`/admin/ended${query}`)).json;
const keysOf = async (redis, id) => (await redis.command('KEYS', `fg:{${id}}:*`)).sort();

async function untilRests(site, id) {
  for (const front of site.fronts)
    await until(`${id} to be among what is over`, async () => !(await listed(front)).includes(id));
}

// A deleted id is marked for a minute (sweep.lua). Ends that minute.
async function untilErased({ redis }, id) {
  const marks = () => keysOf(redis, id);
  await until('nothing to be left of it', async () => (await marks()).every((key) => key.endsWith(':erased')));
  for (const mark of await marks()) {
    const leftMs = Number(await redis.command('PTTL', mark));
    assert.ok(leftMs > 0 && leftMs <= 60_000, `${leftMs}`);
    await redis.command('DEL', mark);
  }
}

async function remove(front, id, { unarchived = false, headers = {} } = {}) {
  return front.admin.delete(`/admin/events/${id}${unarchived ? '?unarchived=true' : ''}`, {
    headers: { 'If-Match': await version(front, id), ...headers },
  });
}

// All parts, concatenated as in the file.
async function archiveOf(front, id) {
  let text = '';
  let parts = 0;
  for (let path = `/admin/events/${id}/archive`; path; parts += 1) {
    const part = assertStatus(await front.admin.get(path), 200);
    assert.match(part.headers['content-type'], /^application\/x-ndjson/);
    text += part.text;
    path = part.headers.link?.match(/^<([^>]+)>; rel="next"$/)?.[1];
  }
  assert.ok(text.endsWith('\n'));
  return { lines: text.trimEnd().split('\n').map((line) => JSON.parse(line)), parts };
}

const LANES = [{ id: 'fans', name: 'Fans', share: 20, invitations: 5 }];

// Takes a place in the lane.
async function fan(front, id) {
  const [code] = await invitationsOf(front, id);
  await Visitor.withPlace(front, id, { headers: { 'x-invitation': code } });
}

const ticks = async (front) => (await front.metrics()).get('fairgate_store_ticks_total');

describe('the end of an event', async () => {
  const scope = openScope(test);
  const site = await openSite(null, { scope, fronts: 2, config: { http: { loops: 2 }, line: { gone_after: '2s' } } });

  test('a closed event is shown and costs no calls to Redis', async () => {
    await makeEvent(site, 'rest', { message: { en: 'Over soon' } });
    const visitor = await Visitor.withPlace(site.front, 'rest');
    await act(site.front, 'rest', 'close');
    await untilRests(site, 'rest');
    await until('a dozen looks at the site without a tick', async () => {
      const before = await Promise.all(site.fronts.map(ticks));
      const calls = await site.redis.commandCalls();
      await until('looks', async () => (await site.redis.commandCalls()).evalsha >= calls.evalsha + 12);
      return isDeepStrictEqual(await Promise.all(site.fronts.map(ticks)), before);
    });
    for (const front of site.fronts) {
      assert.equal((await front.http.get('/v1/queue/rest/status')).json.state, 'closed');
      assert.equal((await visitor.me({ front })).json.state, 'closed');
      assert.equal((await front.http.get('/v1/queue/rest/fairness')).json.state, 'closed');
      assert.equal((await front.metrics()).get('fairgate_line_issued{event="rest"}'), undefined);
    }
    const join = await new Visitor(site.fronts[1], 'rest').join();
    assert.deepEqual([join.status, join.json.code], [409, 'event-closed']);
  });

  test('all fronts see a change, and ended events have pages', async () => {
    for (const id of ['last-1', 'last-2', 'last-3']) {
      await makeEvent(site, id, { name: `Night ${id.at(-1)}` });
      await act(site.front, id, 'close');
      await untilRests(site, id);
    }
    await patch(site.front, 'last-2', { name: 'Another night' });
    for (const front of site.fronts)
      await until('the new name', async () => (await front.admin.get('/admin/events/last-2')).json.name === 'Another night');
    const names = async (query) => (await ended(site.front, query)).events.map(({ name }) => name);
    await until('the list to say it', async () => (await names('?q=another')).join() === 'Another night');
    assert.deepEqual(await names('?limit=3'), ['Night 3', 'Another night', 'Night 1']);
    const first = await ended(site.front, '?limit=2&q=last-');
    assert.deepEqual(first.events.map(({ id }) => id), ['last-3', 'last-2']);
    const second = await ended(site.front, `?limit=2&q=last-&below=${first.next}`);
    assert.deepEqual([second.events.map(({ id }) => id), second.next], [['last-1'], null]);
  });

  test('old tickets are invalid in an event that is created again', async () => {
    await makeEvent(site, 'again', { lanes: LANES });
    await fan(site.front, 'again');
    const early = await joinInTurn(site, 'again', 20);
    await early[0].entered();
    await early[1].leave();

    // Data of members and of work, in an event that requires neither.
    await site.redis.command('HSET', 'fg:{again}:members', 'someone', '1');
    await site.redis.command('HSET', `fg:{again}:work:${Math.floor(Date.now() / 60_000)}`, 'name', '1');

    assert.equal((await remove(site.front, 'again')).json.code, 'event-not-closed');
    assert.equal((await site.front.admin.get('/admin/events/again/archive')).json.code, 'event-not-closed');
    await act(site.front, 'again', 'close');
    assert.equal((await remove(site.front, 'again')).json.code, 'event-not-archived');
    assert.equal((await site.front.admin.delete('/admin/events/again')).json.code, 'if-match-missing');

    const { lines, parts } = await archiveOf(site.fronts[1], 'again');
    const [head, fairness, ofFans] = lines;
    assert.deepEqual([head.format, head.format_version, head.event, head.state], ['fairgate-archive', 2, 'again', 'closed']);
    assert.deepEqual([head.figures.joined, head.figures.entered], [20, 1]);
    assert.equal(head.document.lanes[0].id, 'fans');
    assert.match(head.incarnation, /^[0-9a-f]{18}$/);
    assert.match(fairness.commitment, /^[0-9a-f]{64}$/);
    assert.equal(ofFans.lane, 'fans');
    const acts = lines.filter(({ audit }) => audit).flatMap(({ audit }) => audit).map(({ what }) => what);
    assert.deepEqual([acts[0], acts.at(-1)], ['create', 'close']);
    assert.ok(lines.some(({ series }) => series));
    assert.equal(lines.at(-1).parts, parts);
    assert.match(lines.at(-1).sha256, /^[0-9a-f]{64}$/);

    const headers = { 'If-Match': await version(site.front, 'again'), 'X-Operator': 'kim' };
    assertStatus(await site.front.admin.post('/admin/events/again/actions/archive', { headers }), 200);
    assertStatus(await site.front.admin.delete('/admin/events/again', { headers: { 'If-Match': '"1"' } }), 412);
    assertStatus(await remove(site.front, 'again', { headers: { 'X-Operator': 'kim' } }), 204);
    const { audit } = (await site.fronts[1].admin.get('/admin/audit')).json;
    assert.deepEqual([audit[0].what, audit[0].from.event, audit[0].who], ['delete', 'again', 'kim (admin token)']);
    assert.deepEqual([audit[0].from.issued, audit[0].from.admitted], [21, 1], 'in all lines');
    for (const front of site.fronts) {
      await until('everybody to have forgotten it', async () =>
        (await front.http.get('/v1/queue/again/status')).status === 404);
    }
    assert.ok(!(await ended(site.front)).events.some(({ id }) => id === 'again'));
    await untilErased(site, 'again');

    await makeEvent(site, 'again', {});
    const old = await early[2].me();
    assert.deepEqual([old.status, old.json.code], [401, 'event-renewed']);
    assert.equal((await new Visitor(site.front, 'again').joined()).position, 1);
  });

  test('an event closes by itself at its time, and its page shows it', async () => {
    const later = at(3600_000);
    await makeEvent(site, 'timed', { closes_at: later });
    const status = (await site.front.http.get('/v1/queue/timed/status')).json;
    assert.equal(status.closes_at, later);
    assert.match((await site.front.http.get('/e/rest')).text, /id="closes" hidden><\/p>/);
    await patch(site.front, 'timed', { closes_at: at(1000) });
    await until('its end', async () => (await site.front.http.get('/v1/queue/timed/status')).json.state === 'closed');
    const { audit } = (await site.front.admin.get('/admin/events/timed/audit')).json;
    assert.deepEqual([audit[0].what, audit[0].who, audit[0].because.reason], ['close', 'system', 'closes_at']);
    assert.equal(audit.filter(({ what }) => what === 'close').length, 1);
    const before = await patch(site.front, 'timed', { name: 'Over' });
    assert.notEqual((await act(site.front, 'timed', 'undo')).name, before.name);
    const soon = await site.front.admin.patch('/admin/events/rest', { body: { opens_at: later, closes_at: later } });
    assert.equal(soon.json.code, 'knob-invalid');
  });

  test('a draft is deleted without an archive, and its id is free at once', async () => {
    for (let round = 0; round < 3; round += 1) {
      await makeEvent(site, 'draft', { name: `Try ${round}` }, { open: false });
      assert.equal((await remove(site.fronts[round % 2], 'draft')).status, 204);
      await until('both to have forgotten it', async () => {
        const answers = await Promise.all(site.fronts.map((front) => front.admin.get('/admin/events/draft')));
        return answers.every(({ status }) => status === 404);
      });
      await untilErased(site, 'draft');
    }
  });

  test('a front that dies over a deletion leaves it to the others', async () => {
    await makeEvent(site, 'cut', {});
    const doomed = await startFront(site);
    await new Visitor(site.front, 'cut').joined();
    await act(site.front, 'cut', 'close');
    await untilRests(site, 'cut');
    // The state after a front was killed between the two calls of a deletion.
    await site.redis.command('HSET', 'fg:{cut}:cfg', 'deleted', '{"who":"kim","what":"delete"}', 'boot', '');
    await site.redis.command('ZADD', '{fg:events}:chores', '1', 'erase:cut');
    await untilErased(site, 'cut');
    for (const front of [...site.fronts, doomed])
      await until('all to have forgotten it', async () => (await front.http.get('/v1/queue/cut/status')).status === 404);
    assert.equal((await site.front.admin.get('/admin/audit')).json.audit[0].what, 'delete');
    await doomed.stop();
  });

  test('a front that slept through a deletion does not bring it back', async () => {
    await makeEvent(site, 'slept', {});
    await new Visitor(site.front, 'slept').joined();
    await act(site.front, 'slept', 'close');
    await untilRests(site, 'slept');
    const [front, sleeper] = site.fronts;
    sleeper.pause();
    assert.equal((await remove(front, 'slept', { unarchived: true })).status, 204);
    await untilErased(site, 'slept');
    sleeper.resume();
    await until('it to have heard', async () => (await sleeper.http.get('/v1/queue/slept/status')).status === 404);
    assert.deepEqual(await keysOf(site.redis, 'slept'), []);
  });

  test('a front that missed a deletion knows only the new event', async () => {
    await makeEvent(site, 'twice', {});
    const visitor = new Visitor(site.front, 'twice');
    for (let i = 0; i < 30; i += 1) await new Visitor(site.front, 'twice').joined();
    await visitor.joined();
    await act(site.front, 'twice', 'close');
    await untilRests(site, 'twice');
    const [front, sleeper] = site.fronts;
    sleeper.pause();
    assert.equal((await remove(front, 'twice', { unarchived: true })).status, 204);
    await until('its id to be free', async () =>
      (await front.admin.put('/admin/events/twice', { body: { name: 'Newer' } })).status === 201);
    await act(front, 'twice', 'open');
    sleeper.resume();
    for (const one of site.fronts) await untilEveryLoop(one, 'twice', 'open');
    assert.equal((await new Visitor(sleeper, 'twice').joined()).position, 1);
    assert.equal((await visitor.me({ front: sleeper })).json.code, 'event-renewed');
    assert.equal((await new Visitor(front, 'twice').joined()).position, 2);
  });

  test('a swept event is shown to operators', async () => {
    await makeEvent(site, 'old', { name: 'Long ago', lanes: LANES });
    await fan(site.front, 'old');
    await new Visitor(site.front, 'old').joined({ headers: { 'Idempotency-Key': 'one' } });
    await act(site.front, 'old', 'close');
    await untilRests(site, 'old');
    await site.redis.command('ZADD', '{fg:events}:chores', '1', 'sweep:old');
    for (const front of site.fronts)
      await until('the status to be gone', async () => (await front.http.get('/v1/queue/old/status')).status === 404);
    assert.ok(!(await keysOf(site.redis, 'old')).some((key) => /:(idem|called|active|ip)/.test(key)));
    assert.equal((await site.fronts[1].admin.get('/admin/events/old')).json.name, 'Long ago');
    const { lines } = await archiveOf(site.front, 'old');
    assert.equal(lines[0].figures.joined, 1);
    assert.deepEqual([lines[0].lanes.map(({ figures }) => figures.joined), lines[0].restore.lines.length], [[1], 2]);
    await makeEvent(site, 'runs', {});
    await new Visitor(site.front, 'runs').joined();
    await site.redis.command('FLUSHALL');
    for (const front of site.fronts)
      await until('the line to be whole', async () => (await new Visitor(front, 'runs').join()).status === 201);
    assert.equal(await site.redis.command('SISMEMBER', 'fg:events', 'runs'), 1);
    const joined = async () => JSON.parse((await site.front.admin.get('/admin/events/runs/archive?running=true')).text.split('\n')[0]).figures.joined;
    await until('the three who joined to be counted, and no place that the heal skipped', async () => (await joined()) === 3);
    assertStatus(await site.front.admin.delete('/admin/events/old?unarchived=true', { headers: { 'If-Match': '"3"' } }), 404);
  });
});
