// Bad luck: Redis slow, gone, back with nothing; a front shot under load. Nobody's place is lost, no
// place is given twice, and all of it mends by itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { assertEveryTicketStands, Crowd } from './crowd.js';
import { act, live, openShow, patch, untilState, Visitor } from './support.js';

const STILL = { rate_per_s: 0 };

test('a new front does not call an event unknown', async (t) => {
  const house = await openShow(t, STILL);
  const visitor = await Visitor.withPlace(house.front, 'show');
  await house.redis.pause(); // so that the moment lasts
  await house.front.kill();
  await house.front.start(false);
  await until('it to listen', async () => (await house.front.private.get('/healthz')).status === 200);
  const answers = await Promise.all([
    visitor.me(),
    house.front.http.get('/v1/queue/show/status'),
    house.front.http.get('/v1/queue/show/stream'),
    house.front.http.post('/v1/queue/show/join'),
    house.front.http.get('/e/show'),
  ]);
  for (const answer of answers) assertProblem(answer, 503, 'starting');
  assert.equal(answers[0].headers['retry-after'], '1');
  await house.redis.resume();
  await house.front.untilReady();
  assert.equal((await visitor.me()).json.position, 1);
  assertProblem(await house.front.http.get('/v1/queue/none/status'), 404, 'event-unknown');
});

test('me and status work without Redis, join and pass do not', async (t) => {
  const house = await openShow(t, STILL);
  const visitor = await Visitor.withPlace(house.front, 'show');
  for (const [stop, mend] of [
    [() => house.redis.pause(), () => house.redis.resume()],
    [() => house.redis.kill(), () => house.redis.start()],
  ]) {
    await stop();
    const answers = await Promise.all([
      house.front.http.post('/v1/queue/show/join'),
      visitor.pass(),
    ]);
    for (const answer of answers) assertProblem(answer, 503, 'unavailable');
    await until('the picture to be old', async () => (await visitor.me()).json.stale === true);
    assert.equal((await visitor.me()).json.position, 1);
    await until('the status to say so', async () =>
      (await house.front.http.get('/v1/queue/show/status')).json.stale === true);
    assert.equal((await visitor.join()).status, 200, 'the same ticket needs no Redis');
    await until('it to be unready', async () => (await house.front.private.get('/readyz')).status === 503);
    await mend();
    await until('recovery by itself', async () => (await visitor.me()).json.stale === undefined);
    await until('a join', async () => (await house.front.http.post('/v1/queue/show/join')).status === 201);
    await until('readiness', async () => (await house.front.private.get('/readyz')).status === 200);
  }
});

test('no call expires while Redis is silent', async (t) => {
  const house = await openShow(t, { rate_per_s: 1000, burst: 1000, call_ttl_s: 6, grace_s: 0 });
  const visitor = await Visitor.withPlace(house.front, 'show');
  const { call_expires_at } = await visitor.untilCalled();
  await house.redis.kill();
  house.redis.wipe();
  await until('the end of the call, by the clock', () => Date.now() > Date.parse(call_expires_at) + 500);
  const silent = await until('the picture to be old', async () => {
    const { json } = await visitor.me();
    return json.stale && json;
  });
  assert.equal(silent.place, 'called');
  await house.redis.start();
  await visitor.entered(); // healing gave the call its time again
});

test('a front that is shot under load costs nobody more than a reconnect', async (t) => {
  const house = await openShow(t, STILL, { fronts: 2 });
  const crowd = await Crowd.begun(200, house, 16);
  await house.fronts[1].kill();
  await crowd.untilPlaces(200);
  await house.fronts[1].start();
  await crowd.stopAfter(200);
  crowd.assertNoPlaceTwice();
  await assertEveryTicketStands(house, crowd.tickets.slice(0, 20));
  // Gap-free too: what was retried under the same key took no second number.
  const issued = Number(await house.redis.command('GET', 'fg:{show}:seq'));
  assert.equal(issued, crowd.places.size);
});

test('a killed and wiped Redis gives no place twice and loses none', async (t) => {
  const house = await openShow(t, { rate_per_s: 50, burst: 50, max_active: 0, call_ttl_s: 600 }, { fronts: 2 });
  const crowd = new Crowd(house, 16);
  for (let round = 0; round < 2; round += 1) {
    await crowd.untilPlaces(300);
    await house.redis.restartEmpty();
  }
  await crowd.stopAfter(300);
  assert.ok(crowd.turned > 0, 'the loss was felt');
  await crowd.assertPlaces(house);
  const { json } = await house.front.admin.get('/admin/events/show');
  assert.equal(json.state, 'open', 'the document came back with the line');
  const serving = async () => (await house.front.http.get('/v1/queue/show/status')).json.serving;
  const before = await serving();
  await new Visitor(house.front, 'show').joined(); // everybody else may have been called by now
  await until('the line to move', async () => (await serving()) > before);
});

test('positions and calls never go back when Redis returns with older data', async (t) => {
  const house = await openShow(t, { rate_per_s: 20, burst: 20, max_active: 0, call_ttl_s: 600 }, { fronts: 2 });
  const visitors = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const visitor = await Visitor.withPlace(house.fronts[i % 2], 'show');
    return visitor;
  }));
  await until('some to be called', async () => (await visitors[0].me()).json.called);
  const seen = async (visitor) => {
    const { json } = await visitor.me();
    return { called: json.called, ahead: json.ahead, position: json.position };
  };
  const before = await Promise.all(visitors.map(seen));
  await house.redis.command('SET', 'fg:{show}:seq', '5');
  await house.redis.command('SET', 'fg:{show}:serving', '1');
  await until('the heal, by whichever front was first', async () => {
    const metrics = await Promise.all(house.fronts.map((front) => front.metrics()));
    return metrics.some((one) => one.get('fairgate_store_heals_total') > 0);
  });
  const next = new Visitor(house.front, 'show');
  await until('a join after the heal', async () => (await next.join()).status < 300);
  assert.ok((await next.me()).json.position > 60);
  const after = await Promise.all(visitors.map(seen));
  after.forEach((now, i) => {
    assert.equal(now.position, before[i].position);
    assert.ok(now.ahead <= before[i].ahead);
    assert.ok(now.called || !before[i].called, 'a called visitor stays called');
  });
});

// What a heal leaves out, for places that nobody may know of, is in nobody's way.
test('newcomers after a loss see the people ahead and are called', async (t) => {
  const NEWCOMERS = 40;
  const house = await openShow(t, { rate_per_s: 100_000, burst: 10_000, max_active: 0 }, { fronts: 2 });
  const crowd = await Crowd.begun(400, house, 16);
  await crowd.stop();
  const status = async (front = house.front) => (await front.http.get('/v1/queue/show/status')).json;
  await until('all to be called', async () => {
    const { issued, serving } = await live(house.front, 'show');
    return issued === crowd.places.size && serving === issued;
  });
  const called = crowd.places.size;
  await patch(house.front, 'show', { rate_per_s: 100, burst: 100, max_active: called + 100, call_ttl_s: 120 });
  await act(house.front, 'show', 'pause');
  await untilState(house.fronts[1], 'show', 'paused');
  const before = await status();
  await house.redis.restartEmpty();
  await until('both fronts to be well', async () => {
    const all = await Promise.all(house.fronts.map(status));
    return all.every((one) => one.stale === undefined && one.issued > before.issued);
  });
  assert.equal((await status()).waiting, 0);
  const newcomers = [];
  for (let i = 0; i < NEWCOMERS; i += 1) {
    const visitor = new Visitor(house.front, 'show');
    const told = await visitor.joined();
    assert.equal(told.ahead, i);
    assert.ok(told.position > before.issued + 128, 'the gap is there');
    newcomers.push(visitor);
  }
  await act(house.front, 'show', 'resume');
  await Promise.all(newcomers.map((visitor) => visitor.untilCalled()));
  assert.equal((await live(house.front, 'show')).outstanding, called + NEWCOMERS);
  await newcomers.at(-1).entered();
});

test('tickets keep their numbers when all have lost them', async (t) => {
  const house = await openShow(t, STILL);
  const visitors = [];
  for (let i = 0; i < 40; i += 1) {
    visitors.push(new Visitor(house.front, 'show'));
    await visitors.at(-1).joined();
  }
  await house.front.kill();
  await house.redis.command('SET', 'fg:{show}:seq', '5'); // what an append-only file may have missed
  await house.front.start();
  assert.equal((await visitors.at(-1).me()).json.position, 40);
  const issued = async () => Number(await house.redis.command('GET', 'fg:{show}:seq'));
  await until('the tickets to be believed', async () => (await issued()) >= 40 + 128);
  const newcomer = new Visitor(house.front, 'show');
  await until('a join', async () => (await newcomer.join()).status === 201);
  const { position, ahead } = (await newcomer.me()).json;
  assert.ok(position > 40 + 128, `position ${position}`);
  assert.equal(ahead, 40);
  await until('all to be counted', async () => (await live(house.front, 'show')).waiting === 41);
  assert.equal((await visitors[6].me()).json.ahead, 6);
});
