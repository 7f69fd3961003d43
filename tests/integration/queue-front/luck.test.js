// Failures: Redis is slow, gone, or back empty; a front is killed under load. No place is lost or given twice, and
// everything recovers by itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { assertEveryTicketStands, Crowd } from './crowd.js';
import { openShow, Visitor } from './support.js';

const STILL = { rate_per_s: 0 };

test('a new front does not call an event unknown', async (t) => {
  const site = await openShow(t, STILL);
  const visitor = await Visitor.withPlace(site.front, 'show');
  await site.redis.pause(); // so that the state lasts
  await site.front.kill();
  await site.front.start(false);
  await until('it to listen', async () => (await site.front.private.get('/healthz')).status === 200);
  const answers = await Promise.all([
    visitor.me(),
    site.front.http.get('/v1/queue/show/status'),
    site.front.http.get('/v1/queue/show/stream'),
    site.front.http.post('/v1/queue/show/join'),
    site.front.http.get('/e/show'),
  ]);
  for (const answer of answers) assertProblem(answer, 503, 'starting');
  assert.equal(answers[0].headers['retry-after'], '1');
  await site.redis.resume();
  await site.front.untilReady();
  assert.equal((await visitor.me()).json.position, 1);
  assertProblem(await site.front.http.get('/v1/queue/none/status'), 404, 'event-unknown');
});

test('me and status work without Redis, join and pass do not', async (t) => {
  const site = await openShow(t, STILL);
  const visitor = await Visitor.withPlace(site.front, 'show');
  for (const [stop, mend] of [
    [() => site.redis.pause(), () => site.redis.resume()],
    [() => site.redis.kill(), () => site.redis.start()],
  ]) {
    await stop();
    const answers = await Promise.all([
      site.front.http.post('/v1/queue/show/join'),
      visitor.pass(),
    ]);
    for (const answer of answers) assertProblem(answer, 503, 'unavailable');
    await until('the picture to be old', async () => (await visitor.me()).json.stale === true);
    assert.equal((await visitor.me()).json.position, 1);
    await until('the status to say so', async () =>
      (await site.front.http.get('/v1/queue/show/status')).json.stale === true);
    assert.equal((await visitor.join()).status, 200, 'the same ticket needs no Redis');
    await until('it to be unready', async () => (await site.front.private.get('/readyz')).status === 503);
    await mend();
    await until('recovery by itself', async () => (await visitor.me()).json.stale === undefined);
    await until('a join', async () => (await site.front.http.post('/v1/queue/show/join')).status === 201);
    await until('readiness', async () => (await site.front.private.get('/readyz')).status === 200);
  }
});

test('no call expires while Redis is silent', async (t) => {
  const site = await openShow(t, { rate_per_s: 1000, burst: 1000, call_ttl_s: 12, grace_s: 0 });
  const visitor = await Visitor.withPlace(site.front, 'show');
  const { call_expires_at } = await visitor.untilCalled();
  await site.redis.kill();
  site.redis.wipe();
  await until('the end of the call, by the clock', () => Date.now() > Date.parse(call_expires_at) + 500);
  const silent = await until('the picture to be old', async () => {
    const { json } = await visitor.me();
    return json.stale && json;
  });
  assert.equal(silent.place, 'called');
  await site.redis.start();
  await visitor.entered(); // healing restored the call's time
});

test('a front that is shot under load costs nobody more than a reconnect', async (t) => {
  const site = await openShow(t, STILL, { fronts: 2 });
  const crowd = await Crowd.begun(200, site, 16);
  await site.fronts[1].kill();
  await crowd.untilPlaces(200);
  await site.fronts[1].start();
  await crowd.stopAfter(200);
  crowd.assertNoPlaceTwice();
  await assertEveryTicketStands(site, crowd.tickets.slice(0, 20));
  // Without gaps, too: retries under the same key took no second number.
  const issued = Number(await site.redis.command('GET', 'fg:{show}:seq'));
  assert.equal(issued, crowd.places.size);
});

test('a killed and wiped Redis gives no place twice and loses none', async (t) => {
  const site = await openShow(t, { rate_per_s: 50, burst: 50, max_active: 0, call_ttl_s: 600 }, { fronts: 2 });
  const { incarnation } = (await site.front.admin.get('/admin/events/show')).json;
  const crowd = new Crowd(site, 16);
  for (let round = 0; round < 2; round += 1) {
    await crowd.untilPlaces(300);
    await site.redis.restartEmpty();
  }
  await crowd.stopAfter(300);
  assert.ok(crowd.turned > 0, 'the loss was felt');
  await crowd.assertPlaces(site);
  const { json } = await site.front.admin.get('/admin/events/show');
  assert.equal(json.state, 'open', 'the document came back with the line');
  assert.equal(json.incarnation, incarnation, 'it is the same event');
  const serving = async () => (await site.front.http.get('/v1/queue/show/status')).json.serving;
  const before = await serving();
  await new Visitor(site.front, 'show').joined(); // all others may have been called by now
  await until('the line to move', async () => (await serving()) > before);
});
