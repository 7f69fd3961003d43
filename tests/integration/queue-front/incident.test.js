// The operator on a bad day: freeze, undo, seats that come back.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, delay, until } from '../../lib-js/index.js';
import { act, at, FAST, joinInTurn, live, makeEvent, makePreQueue, openShow, openSite, patch, STILL, untilState, Visitor } from './support.js';

async function trail(site) {
  return (await site.front.admin.get('/admin/events/show/audit')).json.audit;
}

test('a frozen line calls nobody and ends no visit', async (t) => {
  const site = await openShow(t, { ...FAST, call_ttl_s: 12, grace_s: 0 }, { fronts: 2 });
  const inside = await Visitor.inside(site.front, 'show');
  const called = await Visitor.withPlace(site.front, 'show');
  const { call_expires_at } = await called.untilCalled();
  await act(site.front, 'show', 'freeze');
  for (const front of site.fronts) await untilState(front, 'show', 'frozen');
  const newcomer = new Visitor(site.fronts[1], 'show');
  const joined = await newcomer.joined();
  assert.equal(joined.state, 'frozen');
  await until('the end of the call, by the clock', () => Date.now() > Date.parse(call_expires_at) + 500);
  assert.equal((await newcomer.me()).json.called, false);
  assert.equal((await called.me()).json.place, 'called');
  assertProblem(await called.pass(), 409, 'event-frozen');
  assert.equal((await inside.session()).status, 200, 'a heartbeat');
  assert.equal((await inside.verify()).status, 204);
  await act(site.front, 'show', 'unfreeze');
  await untilState(site.front, 'show', 'open');
  assert.equal((await called.entered()).session.split('.')[1], '2');
  await newcomer.entered();
});

test('unfreeze goes back to what was frozen', async (t) => {
  const site = await openShow(t, STILL);
  await act(site.front, 'show', 'pause');
  await act(site.front, 'show', 'freeze');
  assert.equal((await act(site.front, 'show', 'unfreeze')).state, 'paused');
  await act(site.front, 'show', 'resume');
  await act(site.front, 'show', 'freeze');
  assert.equal((await act(site.front, 'show', 'unfreeze')).state, 'open');
});

test('an undo reverts the last act, and a second undo repeats it', async (t) => {
  const site = await openShow(t, { ...STILL, burst: 7 }, { fronts: 2 });
  await patch(site.front, 'show', { burst: 70, message: { en: 'oops' } });
  const undone = await act(site.front, 'show', 'undo', { body: { why: 'wrong event' } });
  assert.equal(undone.burst, 7);
  assert.deepEqual(undone.message, {});
  const [entry] = await trail(site);
  assert.equal(entry.what, 'undo');
  assert.equal(entry.why, 'wrong event');
  assert.equal((await act(site.front, 'show', 'undo')).burst, 70, 'undone again it is done');

  await act(site.front, 'show', 'sold-out');
  await untilState(site.fronts[1], 'show', 'sold-out');
  assert.equal((await act(site.fronts[1], 'show', 'undo')).state, 'open');
  await untilState(site.front, 'show', 'open');
});

test('an undo that is impossible or of another operator is refused', async (t) => {
  const site = await openSite(t);
  await makeEvent(site, 'show', STILL, { open: false });
  const undo = (options, id = 'show') => site.front.admin.post(`/admin/events/${id}/actions/undo`, options);
  assertProblem(await undo(), 409, 'nothing-to-undo');
  await act(site.front, 'show', 'open');
  assertProblem(await undo(), 409, 'undo-impossible');
  await patch(site.front, 'show', { burst: 8 });
  const { version } = await patch(site.front, 'show', { burst: 9 });
  assertProblem(await undo({ headers: { 'if-match': `"${version - 1}"` } }), 412, 'version-mismatch');
  assert.equal((await undo()).json.burst, 8);
  // Nor one that would close the event, or the entries of another, at once and for good.
  await makePreQueue(site, 'pre');
  const soon = Date.now() + 5000;
  await patch(site.front, 'pre', { opens_at: new Date(soon).toISOString() });
  await patch(site.front, 'pre', { opens_at: at(3_600_000) });
  await patch(site.front, 'show', { closes_at: new Date(soon).toISOString() });
  await patch(site.front, 'show', { closes_at: null });
  await until('the time to pass', () => Date.now() > soon + 200);
  assertProblem(await undo(), 409, 'undo-impossible');
  assertProblem(await undo({}, 'pre'), 409, 'undo-impossible');
  await patch(site.front, 'pre', { name: 'Renamed' });
  assert.equal((await undo({}, 'pre')).status, 200);
  assert.equal((await live(site.front, 'show')).stale, false);
  await act(site.front, 'show', 'close');
  assertProblem(await undo(), 409, 'undo-impossible');
});

test('seats that come back open a sold-out line again, in the old order', async (t) => {
  const site = await openShow(t, { ...STILL, seats_left: true, auto_reopen: true }, { fronts: 2 });
  const feed = (seats_left, front = site.front) =>
    front.admin.put('/admin/events/show/seats-left', { body: { seats_left } });
  const visitors = await joinInTurn(site, 'show', 3);
  assert.equal((await feed(12)).status, 204);
  await until('the number to be shown', async () => (await live(site.fronts[1], 'show')).seats_left === 12);
  await act(site.front, 'show', 'sold-out');
  assert.equal((await feed(11)).status, 204);
  await delay(300);
  await untilState(site.front, 'show', 'sold-out'); // the operator's state, and no seats came back
  await feed(0);
  await untilState(site.fronts[1], 'show', 'sold-out');
  await feed(2, site.fronts[1]);
  for (const front of site.fronts) await untilState(front, 'show', 'open');
  for (const [i, visitor] of visitors.entries()) {
    assert.equal((await visitor.me()).json.position, i + 1);
  }
  const [entry] = await trail(site);
  assert.equal(entry.who, 'system');
  assert.match(entry.why, /2 seats came back/);
  assert.deepEqual(entry.because, { reason: 'seats-back', measured: 2, limit: null });

  await patch(site.front, 'show', { auto_reopen: false });
  await act(site.front, 'show', 'sold-out');
  await feed(0);
  await feed(5);
  await delay(300);
  await untilState(site.front, 'show', 'sold-out');
  await patch(site.front, 'show', { seats_left: false });
  assertProblem(await feed(5), 409, 'seats-feed-off');
});

test('operators and /metrics see how far the clock of Redis is off', async (t) => {
  const site = await openShow(t, STILL);
  const gauge = async (name) => (await site.front.metrics()).get(`fairgate_line_${name}{event="show"}`);
  const { clock_ahead_ms, clock_behind_ms } = await live(site.front, 'show');
  assert.deepEqual([clock_ahead_ms, clock_behind_ms], [0, 0]);
  for (const [name, ms] of [['clock_ahead_ms', 7_200_000], ['clock_behind_ms', 3_600_000]]) {
    // As after a failover to a host with such a clock; seen by a front that knows no other time.
    await site.front.stop();
    await site.redis.command('HSET', 'fg:{show}:cfg', 'clock_off_us', (name === 'clock_ahead_ms' ? -1000 : 1000) * ms);
    await site.front.start();
    // From then on it is returned slowly.
    const isIt = (measured) => measured > ms - 1000 && measured <= ms;
    await until('the picture', async () => isIt((await live(site.front, 'show'))?.[name]));
    await until('the gauge', async () => isIt(await gauge(name)));
  }
  assert.equal(await gauge('clock_ahead_ms'), 0);
});
