// tick.lua: what a tick costs: one front works, the others of its slot read its picture.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Clockwork, Front, OUTCOME } from './line.js';
import { runScript } from './script.js';

const SLOT_MS = 50;
const RATE = 20_000; // thousandths: one call in 50 ms

const clockwork = await Clockwork.open(test);

async function line(n, knobs = {}) {
  const fronts = [clockwork.front({ id: 'front-0', slotMs: SLOT_MS })];
  for (let i = 1; i < n; i += 1) fronts.push(new Front(clockwork, fronts[0].event, { id: `front-${i}`, slotMs: SLOT_MS }));
  await fronts[0].create({ rate_milli: RATE, burst: 1, ...knobs });
  await fronts[0].join(100);
  for (const front of fronts) await front.tick();
  return fronts;
}

// Two fronts of a line of a hundred, which use each other's pictures.
const LINE = `create rate_milli=${RATE} burst=1; set slotMs=${SLOT_MS}; front two slotMs=${SLOT_MS}; one; join 100; tick; two; tick`;

for (const [name, text] of [
  ['places given out since the picture are returned', `${LINE}; join 3; tick; view issued=103 waiting=103`],
  ['a front that has seen more than Redis must heal',
    `${LINE}; knows issued=101; tick heal; knows issued=100; set runId=run-2; tick heal; one; tick`],
  // Elapsed time is capped because of stalls; the tick reports the lost time. A paused line loses nothing.
  ['what the rate loses because no tick came in time is summed up', `
    ${LINE}; one; step 249; tick; view late_ms=0; step 250; tick; view late_ms=0 serving=9; step 1250; tick
    view late_ms=1000 serving=14; move paused; step 5000; tick; view late_ms=1000`],
]) test(name, () => runScript(clockwork, text));

test('a second tick within a slot gets the same picture and costs little', async () => {
  const [one, two] = await line(2);
  await clockwork.step(SLOT_MS);
  const view = await one.tick();
  await two.tick(); // it has the newest stretch
  await clockwork.step(SLOT_MS - 1);
  const asked = await clockwork.commandsOf(async () => {
    const same = await two.tick();
    assert.equal(same.now_ms, clockwork.ms);
    for (const name of ['state', 'version', 'issued', 'serving', 'waiting', 'outstanding', 'dead']) {
      assert.equal(same[name], view[name], name);
    }
  });
  assert.ok(asked <= 5, `${asked} commands`);
  await clockwork.step(1);
  assert.equal((await two.tick()).serving, view.serving + 1);
});

test('a tick asks as much of Redis with eight hundred fronts as with two', async () => {
  const cost = async (fronts) => {
    const [one] = await line(1);
    for (let i = 0; i < fronts; i += 1) {
      await new Front(clockwork, one.event, { id: `other-${i}` }).hear([], { epochMs: 90_000 });
    }
    await clockwork.step(SLOT_MS);
    const asked = await clockwork.commandsOf(() => one.tick());
    assert.equal(one.view.fronts, fronts);
    return asked;
  };
  assert.equal(await cost(800), await cost(2));
});

test('a front with less knowledge gets the rest', async () => {
  const [one, two] = await line(2);
  for (let i = 0; i < 30; i += 1) {
    await clockwork.step(150);
    await one.tick();
  }
  const view = await two.tick(); // no picture has that many stretches
  assert.equal(two.marks.upto, one.marks.upto);
  assert.ok(view.stretches.length > 8);
  const late = new Front(clockwork, one.event, { id: 'late', slotMs: SLOT_MS });
  await late.tick();
  assert.ok(late.document.doc.length > 0);
  assert.equal(late.marks.upto, one.marks.upto);
  await two.change({ rate_milli: 0 });
  assert.equal((await one.tick()).version, 3, 'a change is seen at once');
});

test('a picture of another script version is ignored', async () => {
  const [one, two] = await line(2);
  await one.tick();
  const key = one.key('picture');
  const kept = await clockwork.redis.command('GET', key);
  await clockwork.redis.command('EVAL', `local kept = cmsgpack.unpack(redis.call('GET', KEYS[1]))
    kept[1] = kept[1] + 1
    kept[9] = { 0 }
    redis.call('SET', KEYS[1], cmsgpack.pack(kept))`, 1, key);
  assert.equal((await two.tick()).outcome, OUTCOME.OK);
  assert.equal((await clockwork.redis.command('GET', key)).slice(0, 6), kept.slice(0, 6));
});

test('a tick works for all lanes at once', async () => {
  const [event] = await line(1, { shares: 30 });
  const lane = new Front(clockwork, event.event, { id: 'lane', slotMs: SLOT_MS, lane: 1 });
  await lane.join(100);
  for (let passed = 0; passed < 5000; passed += 100) {
    await clockwork.step(100);
    await event.tick();
  }
  const asked = await clockwork.commandsOf(() => lane.tick());
  assert.ok(asked > 5); // the first time it needs everything
  assert.ok(Math.abs(lane.view.serving - 30) <= 2, `${lane.view.serving} of the lane`);
  await clockwork.step(100);
  await lane.tick(); // does the event's work, too
  assert.ok((await clockwork.commandsOf(() => event.tick())) <= 5);
  assert.equal(event.view.now_ms, clockwork.ms);
});
