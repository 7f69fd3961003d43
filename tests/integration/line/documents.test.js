// Which document a front and Redis agree on after a loss: not the one with the higher number, but the
// newer one. Loss is played by putting an older copy of `cfg` back and naming another run.

import assert from 'node:assert/strict';
import test from 'node:test';
import { startRedis } from '../../lib-js/redis.js';
import { openScope } from '../../lib-js/scope.js';
import { Clockwork, Front, OUTCOME } from './line.js';

const scope = openScope(test);
let names = 0;
const clockwork = await new Clockwork(await startRedis(scope)).load();

const redis = (...command) => clockwork.redis.command(...command);

// Two fronts that know version 2 and burst 10 of an open event, and a copy of what Redis has of it.
async function openEvent() {
  const lost = new Front(clockwork, `doc-${(names += 1)}`, { id: 'lost' });
  const here = new Front(clockwork, lost.event, { id: 'here' });
  await lost.create();
  await lost.tick();
  await here.tick();
  const copy = await redis('HGETALL', lost.key('cfg'));
  return { lost, here, copy };
}

// Redis comes back with the copy; only `front` is there to heal it.
async function comeBack(front, copy, others = []) {
  const run = `run-${(names += 1)}`;
  for (const one of [front, ...others]) one.runId = run;
  await redis('DEL', front.key('cfg'));
  await redis('HSET', front.key('cfg'), ...copy);
  assert.equal((await front.tick()).outcome, OUTCOME.HEAL);
  assert.equal((await front.heal()).outcome, OUTCOME.HEAL);
  await clockwork.step(1001);
  assert.equal((await front.heal()).outcome, OUTCOME.OK);
  assert.equal((await front.tick()).outcome, OUTCOME.OK);
}

async function writes(front, ...bursts) {
  for (const burst of bursts) await front.change({ burst });
  await front.tick();
}

const burst = (front) => redis('HGET', front.key('cfg'), 'burst');
const knob = (front) => Number(front.document.burst);

async function tickAndHeal(front) {
  for (let turn = 0; turn < 4; turn += 1) {
    const { outcome } = await front.tick();
    if (outcome === OUTCOME.OK) return;
    await front.heal();
    await clockwork.step(1001);
  }
  assert.fail('the line does not heal');
}

test('a lost version with the number of a newer one is replaced', async () => {
  const { lost, here, copy } = await openEvent();
  await writes(lost, 77);
  assert.equal(knob(lost), 77);
  await comeBack(here, copy, [lost]);
  await writes(here, 33);
  assert.equal(here.marks.version, lost.marks.version, 'the same number');
  await tickAndHeal(lost);
  assert.equal(knob(lost), 33);
  assert.equal(await burst(here), '33');
});

test('a higher lost version does not overwrite a newer document', async () => {
  const { lost, here, copy } = await openEvent();
  await writes(lost, 77, 78, 79);
  await comeBack(here, copy, [lost]);
  await writes(here, 33);
  assert.ok(lost.marks.version > here.marks.version);
  await tickAndHeal(lost);
  assert.deepEqual([knob(lost), lost.marks.version], [33, here.marks.version]);
  assert.equal(await burst(here), '33');
});

test('a lost document is restored while no newer one is written', async () => {
  const { lost, here, copy } = await openEvent();
  await writes(lost, 77);
  await comeBack(here, copy, [lost]);
  assert.equal(knob(here), 10);
  await tickAndHeal(lost);
  assert.equal(await burst(here), '77');
  await tickAndHeal(here);
  assert.equal(knob(here), 77);
});

test('a loss before the last one brings nothing back', async () => {
  const { lost, here, copy } = await openEvent();
  await writes(lost, 77, 78);
  await comeBack(here, copy);
  await writes(here, 33);
  await comeBack(here, await redis('HGETALL', here.key('cfg')), [lost]); // restarted with all it had
  assert.ok(lost.marks.version > here.marks.version);
  await tickAndHeal(lost);
  assert.deepEqual([knob(lost), await burst(here)], [33, '33']);
});

test('a Redis set back to before a heal learns the document of after it', async () => {
  const { lost, here, copy } = await openEvent();
  await comeBack(here, copy, [lost]);
  await writes(here, 33);
  await comeBack(here, copy, [lost]);
  assert.equal(await burst(here), '33');
  await tickAndHeal(lost);
  assert.equal(knob(lost), 33);
});

test('a document that changed without a new number is sent', async () => {
  const { here } = await openEvent();
  await redis('HSET', here.key('cfg'), 'burst', 55, 'digest', 'another');
  await here.tick();
  assert.equal(knob(here), 55);
  await here.tick();
  assert.equal(here.view.document.length, 0, 'once');
});

test('an event keeps its first identity key', async () => {
  const { lost, here, copy } = await openEvent();
  assert.equal(here.eventIdentity, '1-0123abcd');
  here.identity = '2-feedbeef';
  await writes(here, 11);
  assert.equal(here.eventIdentity, '1-0123abcd');
  const without = copy.flatMap((word, i) => (i % 2 === 0 && word !== 'identity' ? [word, copy[i + 1]] : []));
  await comeBack(here, without, [lost]);
  assert.equal(here.eventIdentity, '1-0123abcd', 'the fronts have told it');
  const fresh = new Front(clockwork, `doc-${(names += 1)}`, { identity: '2-feedbeef' });
  await fresh.create();
  await fresh.tick();
  assert.equal(fresh.eventIdentity, '2-feedbeef');
});
