// Unreadable event documents, and documents that Redis lost: no visitor is admitted by default values, and no front uses a
// document that Redis does not have.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { act, at, makeEvent, makePreQueue, openShow, openSite, patch, startFront, Visitor } from './support.js';

const KNOBS = { rate_per_s: 0, burst: 10, pow_bits: 0 };

// ---- cannot be read ----

const scope = openScope(test);
let names = 0;
const site = await openSite(null, { fronts: 2, scope });

const redis = (...words) => site.redis.command(...words);
const cfg = (id) => `fg:{${id}}:cfg`;

// Stores a document as another program would.
async function store(id, text) {
  await redis('HSET', cfg(id), 'doc', text, 'digest', `by-hand-${(names += 1)}`);
  await redis('HINCRBY', cfg(id), 'version', 1);
}

async function withKnobs(id, knobs) {
  return JSON.stringify({ ...JSON.parse(await redis('HGET', cfg(id), 'doc')), ...knobs });
}

const join = (front, id, options) => new Visitor(front, id).join(options);
const untilShut = (front, id) => until(`${id} to be shut`, async () => (await join(front, id)).status === 503);
const shutOf = async (front) => (await front.private.get('/readyz')).json.shut ?? [];

async function openEvent(knobs = {}) {
  const id = await makeEvent(site, `doc-${(names += 1)}`, { ...KNOBS, ...knobs });
  const visitor = new Visitor(site.front, id);
  const { position } = await visitor.joined();
  return { id, visitor, position };
}

const openForMembers = () => makeEvent(site, `doc-${(names += 1)}`, { ...KNOBS, member_required: true });

for (const [what, document] of [
  ['a knob of a newer program', (id) => withKnobs(id, { retina_scan: true })],
  ['garbage', () => '{"id": <html>'],
]) {
  test(`${what}: the line pauses and reports it`, async () => {
    const { id, visitor, position } = await openEvent();
    await store(id, await document(id));
    for (const front of site.fronts) {
      await untilShut(front, id);
      const refused = await join(front, id);
      assertProblem(refused, 503, 'document-unreadable');
      assert.ok(refused.headers['retry-after'] > 0);
      assertProblem(await visitor.pass({ front }), 503, 'document-unreadable');
      const page = await join(front, id, { headers: { accept: 'text/html' }, body: '' });
      assert.equal(page.headers.location, `/e/${id}?notice=unavailable`);
      assert.deepEqual([(await visitor.me({ front })).json.position, (await visitor.join({ front })).json.position],
        [position, position]);
      assert.equal((await front.http.get(`/v1/queue/${id}/status`)).json.state, 'open');
      await until('the gauge', async () => (await front.metrics()).get('fairgate_events_shut') >= 1);
      assert.ok((await shutOf(front)).some(({ event, reason }) => event === id && reason === 'document-unreadable'));
      assert.equal((await front.private.get('/readyz')).status, 200, 'its neighbours are served');
      const unread = await front.admin.get(`/admin/events/${id}`);
      assertProblem(unread, 503, 'document-unreadable');
      assert.ok(unread.json.rule.length > 0);
      const { events } = (await front.admin.get('/admin/events')).json;
      assert.equal(events.find((event) => event.id === id).shut, 'document-unreadable');
    }
    assertProblem(await site.front.admin.patch(`/admin/events/${id}`, { body: { burst: 5 } }), 503, 'document-unreadable');
    assert.equal((await act(site.front, id, 'pause')).state, 'paused', 'the operator can stop it');
    const mended = await site.front.admin.put(`/admin/events/${id}`, { body: KNOBS });
    assert.equal(mended.status, 200, mended.text);
    for (const front of site.fronts) {
      await until('a join', async () => (await join(front, id)).status === 201);
    }
  });
}

test('a newer document is read without its new members', async () => {
  const id = await openForMembers();
  await store(id, await withKnobs(id, { needs: 1, confetti: 'much' }));
  for (const front of site.fronts) {
    await until('the newer document', async () =>
      (await front.admin.patch(`/admin/events/${id}`, { body: { burst: 5 } })).status === 409);
    assertProblem(await front.admin.patch(`/admin/events/${id}`, { body: { burst: 5 } }), 409, 'document-newer');
    assertProblem(await join(front, id), 401, 'member-required');
    const { json } = await front.admin.get(`/admin/events/${id}`);
    assert.deepEqual([json.member_required, json.confetti], [true, undefined]);
  }
});

test('no schedule writes and no draw keeps to a document that was not read', async () => {
  const beacon = { kind: 'text', words: 'the numbers of Saturday' };
  for (const [action, knobs, code] of [
    ['schedule', { retina_scan: true }, 'document-unreadable'],
    ['schedule', { needs: 1, confetti: 'much' }, 'document-newer'],
    ['draw', { retina_scan: true }, 'document-unreadable'],
  ]) {
    const make = action === 'draw' ? makePreQueue : makeEvent;
    const id = await make(site, `doc-${(names += 1)}`, { ...KNOBS, opens_at: at(3_600_000), beacon }, { open: false });
    const stored = await withKnobs(id, knobs);
    await store(id, stored);
    const acts = async (method, path, body) => (await site.front.admin.call(method, `/admin/events/${id}${path}`, { body })).json.code;
    await until('the document', async () => (await acts('PATCH', '', { burst: 5 })) === code);
    assert.equal(await acts('POST', `/actions/${action}`, action === 'draw' ? { beacon: '7' } : {}), code);
    assert.equal(await redis('HGET', cfg(id), 'doc'), stored);
  }
});

// judges: entry
test('a front never replaces an unreadable document by defaults', async () => {
  const id = await openForMembers();
  const open = await openEvent();
  for (const event of [id, open.id]) await store(event, await withKnobs(event, { retina_scan: true }));
  const front = await startFront(site);
  for (const event of [id, open.id]) {
    await until('the event', async () => (await front.http.get(`/v1/queue/${event}/status`)).status === 200);
    assertProblem(await join(front, event), 503, 'document-unreadable');
  }
  assert.equal((await open.visitor.me({ front })).json.position, open.position);
  assert.ok((await front.metrics()).get('fairgate_line_issued{event="' + open.id + '"}') >= 1, 'and the line moves on');
  await front.stop();
});

// ---- lost ----

const knob = async (front, name) => (await front.admin.get('/admin/events/show')).json[name];

test('a front with a lost version of a higher number than a newer one takes that of Redis', async (t) => {
  // Redis saves its data only on command.
  const { fronts: [away, here], redis: server } = await openShow(t, KNOBS, { fronts: 2, redis: { settings: { appendonly: 'no' } } });
  await server.command('SAVE');
  for (const knobs of [{ burst: 77 }, { burst: 78 }, { burst: 79, pow_bits: 3 }]) await patch(away, 'show', knobs);
  // The second front is restarted together with Redis; the first one is cut off meanwhile and knows what was lost.
  away.pause();
  await here.kill();
  await server.kill();
  await server.start();
  await here.start();
  assert.equal(await knob(here, 'burst'), 10);
  await patch(here, 'show', { burst: 33 });
  away.resume();
  await until('the newer document', async () => (await knob(away, 'burst')) === 33);
  assert.equal((await new Visitor(away, 'show').join()).status, 201, 'no work is asked for');
  assert.equal(await server.command('HGET', cfg('show'), 'burst'), '33');
  assert.equal(await knob(here, 'burst'), 33);
});
