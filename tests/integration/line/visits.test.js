// The clock of visits: it stands while no front sees that those inside are served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis } from '../../lib-js/redis.js';
import { openScope } from '../../lib-js/scope.js';
import { Clockwork, Front, OUTCOME, TURN } from './line.js';

const UNSEEN = 0;
const SERVED = 1;
const UNSERVED = 2;
const SECOND = 1000;
const HALT_MAX_MS = 1_800_000;

const scope = openScope(test);
const clockwork = await new Clockwork(await startRedis(scope)).load();

// A second at a time, as fronts tick; each sees what it sees.
async function pass(ms, ...fronts) {
  for (let past = 0; past < ms; past += SECOND) {
    await clockwork.step(Math.min(SECOND, ms - past));
    for (const front of fronts) await front.tick();
  }
}

async function sees(front, served, ms) {
  front.served = served;
  await pass(ms, front);
}

async function inside(name, knobs = {}) {
  const front = new Front(clockwork, name);
  front.served = SERVED;
  await front.create({ session_ttl_ms: 60_000, session_max_ms: 100_000, ...knobs });
  await front.join(2);
  await front.tick();
  await clockwork.step(SECOND);
  await front.tick();
  const visit = await front.pass(1);
  assert.equal(visit.outcome, OUTCOME.OK);
  return [front, visit];
}

// judges: outage
test('a visit has back the time in which nobody was served', async () => {
  const [front, visit] = await inside('back');
  await pass(30 * SECOND, front);
  await sees(front, UNSERVED, 600 * SECOND);
  assert.equal(front.view.active, 1, 'its ttl and its end have long passed, on the other clock');
  assert.ok(front.view.halted_ms > 0);
  const meanwhile = await front.visit('heartbeat', 1);
  assert.equal(meanwhile.outcome, OUTCOME.OK);
  assert.equal(meanwhile.expiresMs - clockwork.ms, 60_000);

  await sees(front, SERVED, SECOND);
  const after_ = await front.visit('heartbeat', 1);
  assert.equal(front.view.halted_ms, 0);
  const givenBack = after_.endsMs - visit.endsMs;
  assert.ok(givenBack >= 599 * SECOND && givenBack <= 601 * SECOND, `${givenBack} ms: from the last moment in which it was served`);
  assert.equal((await front.pass(1)).outcome, OUTCOME.SAME, 'the way back to the seats');
  await pass(after_.expiresMs - clockwork.ms - SECOND, front);
  assert.equal(front.view.active, 1);
  await pass(2 * SECOND, front);
  assert.equal(front.view.active, 0, 'and not a second more');
});

test('a time in which no front looked is not given back', async () => {
  const [front, visit] = await inside('gap');
  await sees(front, UNSEEN, 30 * SECOND);
  await sees(front, UNSERVED, 5 * SECOND); // as of one that has just started
  assert.ok(front.view.halted_ms > 0);
  await sees(front, SERVED, SECOND);
  const givenBack = (await front.visit('heartbeat', 1)).endsMs - visit.endsMs;
  assert.ok(givenBack >= 5 * SECOND && givenBack <= 12 * SECOND, `${givenBack} ms`);
});

test('a second end of a visit returns its outcome', async () => {
  const [front] = await inside('again');
  const told = [];
  for (const call of ['end', 'leave', 'done', 'end', 'leave', 'done']) told.push(await front.visit(call, 1));
  assert.deepEqual(told.map(({ turn }) => turn), [TURN.ENDED, TURN.ENDED, TURN.DONE, TURN.DONE, TURN.DONE, TURN.DONE]);
  assert.deepEqual(told.map(({ outcome }) => outcome), [OUTCOME.OK, OUTCOME.SAME, OUTCOME.OK, OUTCOME.SAME, OUTCOME.SAME, OUTCOME.SAME]);
});

test('a takeover of the seats is no outage', async () => {
  const [front, visit] = await inside('takeover');
  await sees(front, UNSERVED, 2 * SECOND);
  await sees(front, SERVED, SECOND);
  assert.equal((await front.pass(1)).endsMs, visit.endsMs);
});

test('one front that sees visitors served outweighs the others', async () => {
  const [front, visit] = await inside('split');
  const blind = new Front(clockwork, 'split', { id: 'front-2', slotMs: 50 });
  blind.served = UNSERVED;
  front.slotMs = 50;
  await pass(20 * SECOND, blind, front);
  assert.equal(front.view.halted_ms, 0);
  assert.equal((await front.pass(1)).endsMs, visit.endsMs);
  front.served = UNSERVED;
  await pass(20 * SECOND, blind, front);
  assert.ok(blind.view.halted_ms > 0);
});

test('visits that start in a pause have their whole time', async () => {
  const [front] = await inside('meanwhile', { max_active: 2 });
  await sees(front, UNSERVED, 10 * SECOND);
  const late = await front.pass(2);
  assert.equal(late.endsMs - clockwork.ms, 100_000);
  await front.join(1);
  await pass(300 * SECOND, front);
  assert.equal((await front.pass(3)).outcome, OUTCOME.NOT_YET, 'both slots are taken');
  await sees(front, SERVED, 61 * SECOND);
  assert.equal(front.view.active, 0);
  assert.equal((await front.pass(3)).outcome, OUTCOME.OK);
});

test('a paused clock goes on after half an hour', async () => {
  const [front, visit] = await inside('bounded');
  await sees(front, UNSERVED, 5 * SECOND);
  await clockwork.step(HALT_MAX_MS - 10 * SECOND);
  await front.tick();
  assert.equal(front.view.active, 1);
  await pass(visit.expiresMs - clockwork.ms + HALT_MAX_MS + 10 * SECOND, front);
  assert.deepEqual([front.view.halted_ms, front.view.active], [0, 0]);
  await sees(front, SERVED, SECOND);
  await sees(front, UNSERVED, 5 * SECOND);
  assert.ok(front.view.halted_ms > 0, 'once it was served again, the next outage counts');
});

test('a paused clock goes on once no front polls, without a report', async () => {
  const [front, visit] = await inside('unlooked');
  await sees(front, UNSERVED, 5 * SECOND);
  front.served = UNSEEN;
  const other = new Front(clockwork, 'unlooked', { id: 'front-2', slotMs: 50 });
  await pass(HALT_MAX_MS - 10 * SECOND, front, other);
  assert.ok(other.view.halted_ms > 0);
  await pass(10 * SECOND, front, other);
  assert.deepEqual([front.view.halted_ms, other.view.halted_ms], [0, 0]);
  assert.equal((await front.visit('heartbeat', 1)).endsMs - visit.endsMs, HALT_MAX_MS);
  assert.equal(await clockwork.redis.command('HGET', front.key('cfg'), 'visits_halted_ms'), null);
});

test('an event that nobody ever saw served is not judged', async () => {
  const front = new Front(clockwork, 'elsewhere');
  front.served = UNSERVED;
  await front.create({ session_ttl_ms: 60_000 });
  await front.join(1);
  await pass(SECOND, front);
  assert.equal((await front.pass(1)).outcome, OUTCOME.OK);
  await pass(62 * SECOND, front);
  assert.deepEqual([front.view.halted_ms, front.view.active], [0, 0]);
});

// One member inside by places 1 and 2: Redis had lost the first visit as the second began.
async function insideTwice(name) {
  const front = new Front(clockwork, name);
  await front.create();
  await front.join(3);
  await pass(2 * SECOND, front);
  const asked = async (call, place, more) => (await front.visit(call, place, { member: 'm', ...more })).outcome;
  const { expiresMs: toldMs, endsMs } = await front.visit('pass', 1, { member: 'm' });
  assert.equal(await asked('pass', 2), OUTCOME.MEMBER_INSIDE);
  for (const lost of ['active', 'ends', 'members']) await clockwork.redis.command('DEL', front.key(lost));
  assert.equal(await asked('pass', 2), OUTCOME.OK, 'which nobody could know better');
  assert.equal(await asked('heartbeat', 1, { toldMs, endsMs }), OUTCOME.OK, 'by its signed pass');
  assert.equal(await asked('pass', 3), OUTCOME.MEMBER_INSIDE);
  return asked;
}

test('a member inside twice gets no third visit when the first ends', async () => {
  const asked = await insideTwice('first-ends');
  assert.equal(await asked('leave', 1), OUTCOME.OK);
  assert.equal(await asked('pass', 3), OUTCOME.MEMBER_INSIDE);
  assert.equal(await asked('leave', 2), OUTCOME.OK);
  assert.equal(await asked('pass', 3), OUTCOME.OK);
});

test('a member inside twice gets no third visit when the second ends', async () => {
  const asked = await insideTwice('second-ends');
  assert.equal(await asked('leave', 2), OUTCOME.OK);
  assert.equal(await asked('heartbeat', 1), OUTCOME.OK);
  assert.equal(await asked('pass', 3), OUTCOME.MEMBER_INSIDE);
});
