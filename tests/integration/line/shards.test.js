// One line over shards: numbers of shards, cuts, leases and seals, with each server lost and each front dying. No
// front of queue-front does this yet; here the scripts are called as one would.

import assert from 'node:assert/strict';
import test from 'node:test';
import { startRedis } from '../../lib-js/redis.js';
import { seededRng } from '../../lib-js/rng.js';
import { openScope } from '../../lib-js/scope.js';
import { ask, numbersOf, told } from '../../lib-js/wire.js';
import { Clockwork, Front, OUTCOME, STATE } from './line.js';
import { Cuts, ShardedFront, ShardServer } from './shards.js';

const { LEASE_OUT, LEASE_MIN, LEASE_MAX, CUTS_WINDOW_MS, KEY_BYTES, WORK_MINUTES, WORK_SPENT } = numbersOf();
const scope = openScope(test);
const clockworks = [];
let names = 0;
let runs = 1;
const nextRun = () => `run-${(runs += 1)}`;
for (let i = 0; i < 2; i += 1) clockworks.push(await new Clockwork(await startRedis(scope)).load());

const step = async (ms) => {
  for (const clockwork of clockworks) await clockwork.step(ms);
};

// An event of `shards` that is open, and a front of it.
async function line(shards, state = STATE.OPEN) {
  const event = `shards-${(names += 1)}`;
  await new Front(clockworks[0], event).create({}, STATE.DRAFT);
  const servers = Array.from({ length: shards }, () => new ShardServer(clockworks[0], nextRun()));
  const front = new ShardedFront(clockworks[0], event, servers);
  await front.turn(); // while nobody may join
  if (state !== STATE.DRAFT) await new Front(clockworks[0], event).move(STATE.DRAFT, state);
  return front;
}

const another = (front) => new ShardedFront(clockworks[0], front.event, [...front.servers]);

async function pair() {
  const one = await line(2);
  return [one, another(one)];
}

// Who joins has a place by the next cut.
async function place(front, k, keys) {
  await front.join(k, keys);
  await front.turn();
}

const some = (n, name = 'a') => Array.from({ length: n }, (_, i) => `${name}${i}`);
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

test('numbers of shards become the same gap-free places at all fronts', async () => {
  const one = await line(3);
  const two = another(one);
  await two.turn();
  await one.join(0, some(5, 'a'));
  await two.join(1, some(3, 'b'));
  await one.join(2, some(1, 'c'));
  assert.deepEqual(one.answers(), []); // nobody has a place before a cut says so
  assert.equal((await one.turn()).outcome, OUTCOME.OK);
  assert.equal((await two.turn()).outcome, OUTCOME.SAME);
  assert.deepEqual(two.cuts, ['1c5,3,1']);
  const answered = [...one.answers(), ...two.answers()];
  assert.deepEqual(answered.map(({ place }) => place).sort((a, b) => a - b), upTo(9));
  assert.deepEqual(one.answers(), []);
});

test('a join that is repeated, at whichever front, has the same number', async () => {
  const [one, two] = await pair();
  const first = await one.join(1, ['a', 'b']);
  assert.deepEqual(first.places, [1, 2]);
  assert.deepEqual((await two.join(1, ['b', 'c', 'a'])).places, [2, 3, 1]);
  await two.turn();
  assert.deepEqual((await two.join(1, ['a'])).places, [1]); // and after the cut
});

test('the first of two fronts makes a cut, and only once', async () => {
  const [one, two] = await pair();
  await two.turn();
  await one.join(0, some(4));
  const read = [await one.look(0), await one.look(1)];
  await one.join(0, some(2, 'b'));
  const later = [await two.look(0), await two.look(1)];
  assert.equal((await two.cut({ nth: 1, read: later })).outcome, OUTCOME.OK);
  assert.equal((await one.cut({ nth: 1, read })).outcome, OUTCOME.SAME);
  assert.equal((await one.cut({ nth: 2, read })).outcome, OUTCOME.SAME); // what it read is older than the cut
  await two.join(1, ['c0']);
  const newer = [await two.look(0), await two.look(1)];
  assert.equal((await two.cut({ nth: 1, read: newer })).outcome, OUTCOME.SAME); // that one there is already
  assert.deepEqual(one.cuts, ['1c6,']);
  assert.deepEqual(two.cuts, ['1c6,']);
});

test('one waiting front per slot reads the shards', async () => {
  const [one, two] = await pair();
  const dueTo = async (front) => (await front.cut({ slotMs: 10 })).due;
  assert.deepEqual([await dueTo(two), await dueTo(one), await dueTo(two)], [1, 0, 0]);
  await step(9);
  assert.deepEqual([await dueTo(one), await dueTo(two)], [0, 0]);
  await step(1);
  assert.equal((await one.cut()).due, 0); // it does not mean to
  assert.deepEqual([await dueTo(one), await dueTo(two)], [1, 0]);
});

test('nothing is given beyond the lease, and the next cut moves it', async () => {
  const front = await line(2);
  const all = some(LEASE_MIN + 10);
  const { places } = await front.join(0, all);
  assert.equal(places.filter((place) => place === LEASE_OUT).length, 10);
  assert.deepEqual(places.slice(0, LEASE_MIN), upTo(LEASE_MIN));
  assert.deepEqual((await front.join(0, ['a0', 'z'])).places, [1, LEASE_OUT]); // a key keeps its number
  await front.turn();
  assert.equal((await front.join(0, ['z'])).places[0], LEASE_OUT); // the shard does not know of it yet
  await front.turn();
  assert.equal((await front.join(0, ['z'])).places[0], LEASE_MIN + 1);
  const { lease } = await front.look(0);
  assert.ok(lease > 2 * LEASE_MIN && lease <= LEASE_MIN + LEASE_MAX, `lease ${lease}`);
});

test('a line that is not in shards has no lease', async () => {
  const front = await new Front(clockworks[0], `shards-${(names += 1)}`).create();
  const { places } = await front.join(2 * LEASE_MIN);
  assert.deepEqual([places[0], places.at(-1)], [1, 2 * LEASE_MIN]);
});

test('a new shard gives nothing and opens without a hole', async () => {
  const event = `shards-${(names += 1)}`;
  await new Front(clockworks[0], event).create({}, STATE.DRAFT);
  const front = new ShardedFront(clockworks[0], event, [new ShardServer(clockworks[0], nextRun())]);
  assert.equal((await front.join(0, ['a'])).outcome, OUTCOME.HEAL);
  await front.turn();
  assert.deepEqual((await front.join(0, ['a'])).places, [1]);
  assert.deepEqual(front.cuts, []);
});

test('a line opened before its shards starts without a hole', async () => {
  const event = `shards-${(names += 1)}`;
  await new Front(clockworks[0], event).create();
  const front = new ShardedFront(clockworks[0], event, [0, 1].map(() => new ShardServer(clockworks[0], nextRun())));
  await front.turn();
  assert.deepEqual((await front.join(1, ['a'])).places, [1]);
  await front.turn();
  assert.deepEqual(front.cuts, ['1c,1']);
});

test('a restarted shard gives nothing until its epoch is sealed', async () => {
  const front = await line(2);
  await place(front, 1, some(7));
  await front.join(1, some(2, 'b')); // seen by nobody but this front
  const { lease } = await front.look(1);
  front.servers[1] = new ShardServer(clockworks[0], nextRun());
  assert.equal((await front.join(1, ['c'])).outcome, OUTCOME.HEAL);
  await front.turn();
  assert.deepEqual(front.cuts, ['1c,7', `1h,${lease - 7}`]);
  assert.deepEqual((await front.join(1, ['c', 'a0'])).places, [lease + 1, 1]);
  await front.turn();
  const holders = front.answers().filter(({ key }) => key.startsWith('b'));
  assert.deepEqual(holders.map(({ place }) => place), [8, 9]); // a number of a hole is honoured
});

test('two fronts that find a shard lost seal it once', async () => {
  const [one, two] = await pair();
  await place(one, 0, some(3));
  await two.turn();
  one.servers[0] = two.servers[0] = new ShardServer(clockworks[0], nextRun());
  const [seenByOne, seenByTwo] = [await one.look(0), await two.look(0)];
  assert.equal((await one.cut({ seal: 0, opening: seenByOne.opening })).outcome, OUTCOME.OK);
  assert.equal((await one.look(0)).outcome, OUTCOME.OK);
  await one.join(0, ['x']);
  assert.equal((await two.cut({ seal: 0, opening: seenByTwo.opening })).outcome, OUTCOME.SAME);
  assert.equal((await two.look(0)).outcome, OUTCOME.OK); // which opens nothing anew
  const [x] = (await two.join(0, ['x'])).places;
  assert.deepEqual((await one.join(0, ['x', 'y'])).places, [x, x + 1]);
});

test('keys that are deleted in the same run open no epoch twice', async () => {
  const front = await line(2);
  await front.join(0, some(3));
  const given = new Set((await front.join(0, ['x', 'y'])).places);
  const keys = await clockworks[0].redis.command('KEYS', `fg:{${front.event}:0}:*`);
  await clockworks[0].redis.command('DEL', ...keys);
  await step(1);
  const fresh = another(front);
  await fresh.turn();
  for (const number of (await fresh.join(0, ['p', 'q'])).places) {
    assert.ok(!given.has(number) && number > LEASE_MIN, `number ${number}`);
  }
});

test('a shard that is behind gives nothing until it is sealed', async () => {
  const front = await line(2);
  await front.join(0, some(5));
  await clockworks[0].redis.command('SET', front.shard(0).key('seq'), 2);
  const fresh = another(front); // has seen no number yet
  assert.equal((await front.look(0)).outcome, OUTCOME.HEAL);
  assert.equal((await fresh.join(0, ['x'])).outcome, OUTCOME.HEAL);
  await fresh.turn();
  assert.deepEqual((await fresh.join(0, ['x', 'a4'])).places, [LEASE_MIN + 1, 5]);
});

test('a shard with fewer numbers than the cuts is sealed', async () => {
  const front = await line(2);
  await place(front, 0, some(5));
  await clockworks[0].redis.command('SET', front.shard(0).key('seq'), 2);
  const fresh = another(front); // has seen no number, but the cut
  await fresh.turn();
  assert.deepEqual((await fresh.join(0, ['x', 'a4'])).places.map((number) => number > LEASE_MIN), [true, false]);
});

test('old rules give no number: a shard checks by its newest document', async () => {
  const front = await line(1);
  front.document.version = 5;
  await front.turn();
  assert.equal((await front.join(0, ['a'], 4)).outcome, OUTCOME.CONFLICT);
  front.document.version = 4; // a front that is behind takes nothing back
  await front.turn();
  assert.equal((await front.join(0, ['a'], 4)).outcome, OUTCOME.CONFLICT);
  assert.deepEqual((await front.join(0, ['a'], 5)).places, [1]);
  front.document = { ...front.document, version: 6, state: STATE.CLOSED };
  await front.turn();
  assert.equal((await front.join(0, ['b'])).outcome, OUTCOME.WRONG_STATE);
});

test('fronts send lost cuts before a new one is made', async () => {
  const [one, two] = await pair();
  const redis = clockworks[0].redis;
  await place(one, 0, some(3));
  await two.turn();
  await place(one, 1, some(4)); // which only one knows
  await redis.command('DEL', one.line.key('cuts'), one.line.key('cutting'));
  await redis.command('HSET', one.line.key('cfg'), 'boot', 'run-2'); // as heal.lua leaves it
  one.line.runId = two.line.runId = 'run-2';
  const seen = await two.cut({ nth: 2, read: [await two.look(0), await two.look(1)], tell: 1 });
  assert.equal(seen.outcome, OUTCOME.HEAL);
  assert.ok(seen.retry_ms > 0 && seen.retry_ms <= CUTS_WINDOW_MS);
  assert.equal((await one.cut({ tell: 1 })).outcome, OUTCOME.HEAL);
  await step(CUTS_WINDOW_MS);
  await two.join(0, ['z']);
  assert.equal((await two.turn()).outcome, OUTCOME.OK);
  assert.deepEqual(two.cuts, ['1c3,', '1c,4', '1c1,']);
  two.cuts[0] = '1c2,'; // a front with other cuts gets a conflict
  assert.equal((await two.cut({ tell: 1 })).outcome, OUTCOME.CONFLICT);
});

test('a front that missed a loss of cuts gets a conflict', async () => {
  const [one, two] = await pair();
  for (const k of [0, 1, 1]) {
    await place(one, k, some(1, `${one.cuts.length}`));
    if (one.cuts.length === 1) await two.turn();
  }
  await two.line.tick();
  await healEvent([two], 100, () => wipeEvent(one));
  await two.turn();
  await place(two, 1, some(1, 'z'));
  assert.deepEqual([one.cuts, two.cuts], [['1c1,', '1c,1', '1c,1'], ['1c1,', '1g102,', '1h,2', '1c,1']]);
  one.line.runId = two.line.runId;
  assert.equal((await one.cut()).outcome, OUTCOME.CONFLICT);
  const fresh = another(two);
  fresh.line.runId = two.line.runId;
  await fresh.turn();
  assert.deepEqual(fresh.cuts, two.cuts);
});

// How many places Redis has given out, and those that it says are nobody's.
const given = async (front) => Number(await clockworks[0].redis.command('GET', front.line.key('seq')));
const leftOut = async (front) => await clockworks[0].redis.command('GET', front.line.key('gaps')) ?? '';

test('the places given out are those that the cuts give, in the same step', async () => {
  const front = await line(2);
  await front.join(0, some(5));
  assert.equal((await front.line.tick()).issued, 0);
  await front.turn();
  const view = await front.line.tick();
  assert.deepEqual([view.outcome, view.issued, view.waiting], [OUTCOME.OK, 5, 5]);
  assert.equal(await given(front), 5);
});

test('a hole does not wait and is stepped over at once', async () => {
  const front = await line(2);
  await place(front, 1, some(7));
  await front.join(1, some(2, 'b'));
  const { lease } = await front.look(1);
  front.servers[1] = new ShardServer(clockworks[0], nextRun());
  await front.turn();
  await place(front, 0, some(3, 'c'));
  assert.equal(await leftOut(front), `8:${lease}`);
  let view = await front.line.tick();
  assert.deepEqual([view.issued, view.waiting, view.gaps[0], view.gaps[3]], [lease + 3, 10, lease - 7, lease - 7]);
  await front.line.hear([8, 9], { epochMs: 90_000 }); // two places that had a number of it
  for (let i = 0; i < 20; i += 1) {
    await step(100);
    view = await front.line.tick();
  }
  assert.deepEqual([view.serving, view.waiting], [lease + 3, 0]);
  assert.equal(await leftOut(front), '');
});

test('adjacent holes are one range', async () => {
  const front = await line(3, STATE.PRE_QUEUE);
  await place(front, 0, some(1));
  const [a, b] = [(await front.look(1)).lease, (await front.look(2)).lease];
  for (const k of [1, 2]) front.servers[k] = new ShardServer(clockworks[0], nextRun());
  await front.turn();
  assert.equal(await leftOut(front), `2:${a + b + 1}`);
  const view = await front.line.tick();
  assert.equal(view.issued, a + b + 1);
  assert.deepEqual(await clockworks[0].redis.command('HMGET', front.line.key('bucket'), 'gap_pending', 'ghosts_n'), ['1', null]);
  assert.equal(await clockworks[0].redis.command('EXISTS', front.line.key('away:0')), 0);
});

// The event's slot comes back as another run of Redis that has what `lose` has left, and fronts make it whole.
async function healEvent(fronts, gap, lose) {
  await lose();
  const run = nextRun();
  for (const front of fronts) front.line.runId = run;
  for (const front of fronts) assert.equal((await front.line.heal({ gap })).outcome, OUTCOME.HEAL);
  await step(1000);
  for (const front of fronts) assert.equal((await front.line.heal({ gap })).outcome, OUTCOME.OK);
  for (const front of fronts) {
    // CONFLICT: a copy of before an earlier loss, since which fronts have other cuts.
    assert.ok([OUTCOME.HEAL, OUTCOME.CONFLICT].includes((await front.cut({ tell: 1 })).outcome));
  }
  await step(CUTS_WINDOW_MS);
}

const keysOfEvent = (front) => clockworks[0].redis.command('KEYS', front.line.key('*'));
const wipeEvent = async (front) => clockworks[0].redis.command('DEL', ...await keysOfEvent(front));

// A copy of the event's slot, kept under other names.
const copyName = (key) => `copy:${key}`;

async function copyEvent(front) {
  const { redis } = clockworks[0];
  for (const old of await redis.command('KEYS', copyName(front.line.key('*')))) await redis.command('DEL', old);
  for (const key of await keysOfEvent(front)) await redis.command('COPY', key, copyName(key));
}

async function goBackToCopy(front) {
  const { redis } = clockworks[0];
  await wipeEvent(front);
  for (const copy of await redis.command('KEYS', copyName(front.line.key('*')))) {
    await redis.command('COPY', copy, copy.slice(copyName('').length));
  }
}

// Of two fronts one has sealed shard 1, the event goes back to a copy of the time before, and the other one seals it.
async function sealedTwice(gap) {
  const [one, two] = await pair();
  await two.turn();
  await two.line.tick();
  await copyEvent(one);
  one.servers[1] = new ShardServer(clockworks[0], nextRun());
  await one.turn();
  assert.equal((await one.look(1)).epoch, 2);
  await healEvent([two], gap, () => goBackToCopy(one));
  two.servers[1] = new ShardServer(clockworks[1], nextRun()); // another master, and an empty one
  await two.turn();
  assert.equal((await two.look(1)).epoch, 2);
  return [one, two];
}

test('an epoch with a lost seal differs from the next one', async () => {
  const [one, two] = await sealedTwice(100);
  one.forget();
  one.line.runId = two.line.runId;
  await one.cut();
  const seen = await one.look(1); // it still speaks to the first
  assert.deepEqual([seen.outcome, seen.epoch], [OUTCOME.HEAL, 2]);
  assert.equal((await one.join(1, ['a'])).outcome, OUTCOME.HEAL);
  assert.equal((await two.look(1)).outcome, OUTCOME.OK);
});

// The cuts in which its epoch ended are lost, it is sealed anew behind others, and then the event goes back once more, to
// a copy to which one front brings back the former cuts.
test('a shard sealed behind lost cuts is sealed again', async () => {
  const [one, two] = await sealedTwice(LEASE_MAX);
  await place(two, 1, some(2));
  await healEvent([one, two], 3 * LEASE_MAX, () => goBackToCopy(one));
  one.servers[1] = two.servers[1];
  assert.deepEqual(one.cuts, [`1h,${LEASE_MIN}`]);
  assert.equal((await two.look(1)).epoch, 2);
  await one.turn();
  const people = new Cuts(one.cuts, 2).people().map(({ shard, number }) => `${shard}/${number}`);
  assert.deepEqual(people, []); // so many numbers nobody has
  const { places } = await one.join(1, some(2, 'b'));
  const given = two.waiting.map(({ number }) => number);
  assert.ok(Math.min(...places) > Math.max(...given), `${places} after ${given}`);
});

// As the version before has left it: openings without the mark of their cuts.
async function takeMarks(front, k) {
  const { redis } = clockworks[0];
  const cutting = front.line.key('cutting'), cfg = front.shard(k).key('cfg');
  await redis.command('HSET', cutting, String(k), (await redis.command('HGET', cutting, String(k))).replace(/\+.*/, ''));
  await redis.command('HSET', cfg, 'opened', (await redis.command('HGET', cfg, 'opened')).replace(/\+.*/, ''));
}

test('an epoch of the previous version goes on', async () => {
  const front = await line(2);
  await front.line.tick();
  await copyEvent(front);
  front.servers[1] = new ShardServer(clockworks[0], nextRun());
  await front.turn();
  await takeMarks(front, 1);
  await place(front, 1, ['a']);
  await healEvent([front], 100, () => goBackToCopy(front));
  await front.turn();
  await place(front, 1, ['b']);
  assert.deepEqual(front.cuts.filter((text) => text[1] !== 'g'), [`1h,${LEASE_MIN}`, '1c,1', '1c,1']);
});

test('an opening is no longer than what fronts of any version read', async () => {
  const front = await line(2);
  front.servers[1] = new ShardServer(clockworks[0], 'f'.repeat(40));
  await front.turn();
  const { opened } = await front.look(1);
  assert.match(opened, /^f{40}@\d{16}\+[0-9a-f]{1,6}$/);
  assert.ok(opened.length <= 64); // SHARDS_OPENING_MAX
});

test('the gap of a heal is a gap of the cuts', async () => {
  const [one, two] = await pair();
  await place(one, 0, some(3));
  await two.turn();
  await two.line.tick();
  await place(one, 1, some(4, 'b'));
  const [told] = one.answers().filter(({ key }) => key === 'b3'); // by a front that dies with Redis
  await healEvent([two], 100, () => wipeEvent(one));
  await two.join(0, ['z']);
  assert.equal((await two.turn()).outcome, OUTCOME.OK);
  assert.deepEqual(two.cuts, ['1c3,', '1g100,', '1h,4', '1c1,']);
  const sums = (await clockworks[0].redis.command('XRANGE', two.line.key('cuts'), '-', '+')).map(([, fields]) => Number(fields[3]));
  assert.deepEqual(sums.slice(0, 2), [1429104163, 408028321]); // as cut_test.c has them
  assert.equal(await given(two), 108);
  assert.ok(told.place <= 103, `place ${told.place}`);
  assert.equal(await leftOut(two), '4:107');
  assert.equal((await two.line.tick()).issued, 108);
});

test('what a shard gave in an epoch that no cut tells of any more is a hole', async () => {
  const [one, two] = await pair();
  await two.turn();
  await two.line.tick();
  one.servers[1] = two.servers[1] = new ShardServer(clockworks[0], nextRun());
  await one.turn(); // seals it, and dies
  const { places: [number] } = await two.join(1, ['a']);
  await healEvent([two], 100, () => wipeEvent(one));
  await two.turn();
  assert.deepEqual(two.cuts, ['1g200,', `1h,${number}`]);
  assert.equal(await leftOut(two), `1:${200 + number}`);
  assert.deepEqual(two.answers().map(({ key, place }) => [key, place]), [['a', 200 + number]]);
});

test('a ticket beyond the cuts makes a gap', async () => {
  const front = await line(2);
  await place(front, 0, some(3));
  await front.line.tick();
  front.line.marks.issued = 500; // as the ticket says
  assert.equal((await front.line.heal({ gap: 128 })).outcome, OUTCOME.OK);
  await front.turn();
  await front.turn();
  assert.deepEqual(front.cuts, ['1c3,', '1g625,']);
});

test('a shard drops old address counts and is erased with its event', async () => {
  const front = await line(2);
  const { redis } = clockworks[0];
  const keys = async () => (await redis.command('KEYS', `fg:{${front.event}:0}:*`)).map((key) => key.split(':').slice(3).join(':')).sort();
  const sweep = async (what) => {
    let at = 0;
    do {
      const answer = told('sweep', await front.shard(0).run('sweep', ...ask('sweep', { what, at })));
      if (answer.outcome !== OUTCOME.OK) return answer.outcome;
      at = Number(answer.at);
    } while (at > 0);
    return OUTCOME.OK;
  };
  front.document = { ...front.document, version: 2, joins_per_ip_per_min: 9 };
  await front.turn();
  await front.shard(0).join([{ key: 'a', ip: 'home' }]);
  const minute = Math.floor(clockworks[0].ms / 60_000);
  assert.ok((await keys()).includes(`ip:${minute}`));
  await step(60_000);
  await front.turn();
  assert.deepEqual((await keys()).filter((key) => key !== 'idem'), ['cfg', 'seq']);
  await front.shard(0).join([{ key: 'b', ip: 'home' }]);
  assert.deepEqual([await sweep('sweep'), await sweep('shard')], [OUTCOME.WRONG_STATE, OUTCOME.WRONG_STATE]);
  front.document = { ...front.document, version: 3, state: STATE.CLOSED, shares: 30 };
  await front.turn();
  assert.equal(await sweep('sweep'), OUTCOME.OK);
  assert.deepEqual(await keys(), ['cfg', 'seq']);
  await redis.command('HSET', `fg:{${front.event}:0}:@1:cfg`, 'epoch', '1'); // a lane has its part of the shard
  assert.equal(await sweep('shard'), OUTCOME.OK);
  assert.deepEqual(await keys(), []);
  assert.equal((await front.look(0)).outcome, OUTCOME.HEAL);
  assert.deepEqual(await keys(), ['cfg']);
  assert.ok(await redis.command('PTTL', front.shard(0).key('cfg')) > 0);
  await front.turn(); // it was no deletion after all
  assert.equal(await redis.command('PTTL', front.shard(0).key('cfg')), -1);
});

test('work is claimed once in its shard, and never once it is too old', async () => {
  const front = await line(2);
  await front.turn();
  const minuteNow = () => Math.floor(clockworks[0].ms / 60_000);
  const given = minuteNow();
  const claim = async (key, minute, name) => {
    const answer = await front.shard(0).run('claim', ...ask('claim', { of_codes: 0 }), 'work', key.padEnd(KEY_BYTES), minute, name);
    assert.equal(answer[0], OUTCOME.OK);
    return answer[2];
  };
  assert.equal(await claim('a', given, 'work'), OUTCOME.OK);
  for (let minute = 1; minute <= WORK_MINUTES; minute += 1) {
    await step(60_000);
    await front.turn();
    assert.deepEqual([await claim('a', given, 'work'), await claim('b', given, 'work')], [OUTCOME.SAME, WORK_SPENT]);
  }
  await step(60_000);
  await front.turn();
  for (const [key, name] of [['a', 'work'], ['b', 'work'], ['c', 'unused']]) assert.equal(await claim(key, given, name), WORK_SPENT);
  assert.equal(await clockworks[0].redis.command('EXISTS', front.shard(0).key(`work:${given}`)), 0);
  assert.equal(await claim('c', minuteNow(), 'new'), OUTCOME.OK);
});

test('an event that is erased leaves no cuts behind', async () => {
  const front = await line(2);
  await place(front, 0, some(3));
  await clockworks[0].redis.command('HSET', front.line.key('cfg'), 'deleted', '{}');
  for (let at = 0; ;) {
    at = Number(told('sweep', await front.line.run('sweep', ...ask('sweep', { what: 'erase', at }))).at);
    if (at === 0) break;
  }
  assert.deepEqual(await keysOfEvent(front), [front.line.key('erased')]);
});

test('a line has one number of shards', async () => {
  const front = await line(2);
  const other = new ShardedFront(clockworks[0], front.event, [...front.servers, front.servers[0]]);
  assert.equal((await other.cut()).outcome, OUTCOME.CONFLICT);
});

// ---- anything, in any order ----

const SHARDS = 3;
const KEYS_OF_SHARD = 60;

// One line, and what an onlooker who sees every answer knows of it.
class Trial {
  constructor(rng, front) {
    this.rng = rng;
    this.event = front.event;
    this.fronts = [front, another(front), another(front)];
    this.master = [...front.servers];
    this.where = front.servers.map(() => 0); // which Redis
    this.copies = front.servers.map(() => null); // of an earlier time
    this.holder = new Map(); // shard/number -> key
    this.numbers = new Map(); // key -> number that its shard has not lost
    this.published = [];
    this.hasCopy = false; // of the event's slot
    this.places = new Map(); // place -> key
  }

  keysOf(k) {
    return clockworks[this.where[k]].redis.command('KEYS', `fg:{${this.event}:${k}}:*`);
  }

  async copy(k) {
    const { redis } = clockworks[this.where[k]];
    const names = await this.keysOf(k);
    const kept = [];
    for (const name of names) {
      const type = await redis.command('TYPE', name);
      kept.push([name, type, type === 'hash' ? await redis.command('HGETALL', name) : await redis.command('GET', name)]);
    }
    this.copies[k] = { kept, numbers: new Map([...this.numbers].filter(([key]) => key.startsWith(`${k}/`))) };
  }

  // Another server becomes master with what it had by then, and another run. The old one goes on for those fronts that
  // have not noticed.
  async promote(k) {
    if (this.copies[k] === null) return;
    this.where[k] = 1 - this.where[k];
    const { redis } = clockworks[this.where[k]];
    for (const name of await this.keysOf(k)) await redis.command('DEL', name);
    for (const [name, type, value] of this.copies[k].kept) {
      if (type === 'hash') await redis.command('HSET', name, ...value);
      else await redis.command('SET', name, value);
    }
    for (const key of [...this.numbers.keys()].filter((one) => one.startsWith(`${k}/`))) this.numbers.delete(key);
    for (const [key, number] of this.copies[k].numbers) this.numbers.set(key, number);
    const old = this.master[k];
    this.master[k] = new ShardServer(clockworks[this.where[k]], nextRun());
    for (const front of this.fronts) {
      // One that still speaks to the server before that would find the new data there: it is gone for it.
      if (front.servers[k] !== old || this.rng.chance(0.5)) front.servers[k] = this.master[k];
    }
  }

  async wipe(k) {
    const { redis } = clockworks[this.where[k]];
    const names = await this.keysOf(k);
    if (names.length > 0) await redis.command('DEL', ...names);
    for (const key of [...this.numbers.keys()].filter((one) => one.startsWith(`${k}/`))) this.numbers.delete(key);
    this.master[k] = new ShardServer(clockworks[this.where[k]], nextRun());
    for (const front of this.fronts) front.servers[k] = this.master[k];
  }

  async copyEvent() {
    await copyEvent(this.fronts[0]);
    this.hasCopy = true;
  }

  // The event's server comes back as an older copy of itself, or empty. Where no front that lives knows the last cuts they
  // are lost, and the gap has room for what they have told.
  async loseEvent() {
    for (const front of this.fronts) if (front.line.document === null) await front.line.tick();
    const places = (texts) => new Cuts(texts, SHARDS).places;
    const known = this.fronts.reduce((most, { cuts }) => (cuts.length > most.length ? cuts : most), []);
    const gap = places(this.published) - places(known) + 100;
    const isEmpty = !this.hasCopy || this.rng.chance(0.3);
    await healEvent(this.rng.shuffle(this.fronts), gap, () => (isEmpty ? wipeEvent : goBackToCopy)(this.fronts[0]));
    const cuts = await clockworks[0].redis.command('XRANGE', this.fronts[0].line.key('cuts'), '-', '+');
    this.published.length = 0;
    this.published.push(...cuts.map(([, [, text]]) => text));
  }

  // Redis gives places by the cuts, and leaves out of the line what they do.
  async checkEvent() {
    const { places, leftOut: nobodys } = new Cuts(this.published, SHARDS);
    assert.equal(await given(this.fronts[0]), places);
    for (const range of (await leftOut(this.fronts[0])).split(',').filter((text) => text !== '')) {
      const [from, upto] = range.split(':').map(Number);
      let at = from;
      for (const [first, last] of nobodys) if (first <= at && at <= last) at = last + 1;
      assert.ok(at > upto, `somebody may have a place of ${range}: ${JSON.stringify(nobodys)}`);
    }
  }

  async join(front) {
    const k = this.rng.below(SHARDS);
    const keys = Array.from({ length: this.rng.between(1, 8) }, () => `${k}/${this.rng.below(KEYS_OF_SHARD)}`);
    const { places } = await front.join(k, keys);
    places.forEach((number, i) => this.given(k, keys[i], number, front.servers[k] === this.master[k]));
  }

  given(k, key, number, isMaster) {
    if (number === LEASE_OUT) return;
    const name = `${k}/${number}`;
    assert.ok((this.holder.get(name) ?? key) === key, `number ${name} was given twice`);
    this.holder.set(name, key);
    if (!isMaster) return; // what it remembers is lost with it
    assert.equal(number, this.numbers.get(key) ?? number, `${key} has another number now`);
    this.numbers.set(key, number);
  }

  // All fronts learn the same cuts, and each answered join has its own place.
  learn(front) {
    front.cuts.forEach((text, i) => {
      this.published[i] ??= text;
      assert.equal(text, this.published[i], `cut ${i + 1} has changed`);
    });
    for (const { key, place } of front.answers()) {
      assert.ok((this.places.get(place) ?? key) === key, `place ${place} was given twice`);
      this.places.set(place, key);
    }
  }

  async die(front) {
    front.forget();
    front.servers = [...this.master];
  }

  async step() {
    const { rng } = this;
    const front = rng.pick(this.fronts);
    const k = rng.below(SHARDS);
    const luck = rng.below(100);
    if (luck < 40) await this.join(front);
    else if (luck < 55) await front.turn();
    else if (luck < 62) await this.turnThatIsNotFinished(front);
    else if (luck < 75) await this.copy(k);
    else if (luck < 80) await this.promote(k);
    else if (luck < 82) await this.wipe(k);
    else if (luck < 86) await this.die(front);
    else if (luck < 92) front.servers = [...this.master];
    else if (luck < 94) await this.copyEvent();
    else if (luck < 96) await this.loseEvent();
    else await step(rng.pick([1, 20, 300]));
    this.learn(front);
  }

  async turnThatIsNotFinished(front) {
    const read = [];
    for (const k of this.rng.shuffle([0, 1, 2])) {
      const seen = await front.look(k);
      if (this.rng.chance(0.3)) return;
      if (seen.outcome === OUTCOME.HEAL) await front.cut({ seal: k, opening: seen.opening });
      else if (seen.outcome === OUTCOME.OK) read[k] = seen;
      if (this.rng.chance(0.3)) return;
    }
    await front.cut({ nth: front.cuts.length + this.rng.below(3), read });
  }

  async settle() {
    for (const front of this.fronts) front.servers = [...this.master];
    for (let i = 0; i < 2; i += 1) {
      for (const front of this.fronts) {
        await front.turn();
        this.learn(front);
      }
    }
    for (const front of this.fronts) assert.deepEqual(front.waiting, [], 'nobody waits for ever');
    await this.checkEvent();
    for (const { shard, number } of new Cuts(this.published, SHARDS).people()) {
      assert.ok(this.holder.has(`${shard}/${number}`), `number ${shard}/${number} is nobody's`);
    }
  }
}

test('no number and no place is given twice, whatever is lost', async (t) => {
  const rng = seededRng(t);
  for (let i = 0; i < Number(process.env.FAIRGATE_LINES ?? 5); i += 1) {
    const trial = new Trial(rng, await line(SHARDS));
    for (let n = 0; n < 250; n += 1) await trial.step();
    await trial.settle();
    t.diagnostic(`${trial.holder.size} numbers, ${trial.places.size} places told, ` +
      `${trial.published.length} cuts, ${trial.published.filter((text) => text[1] === 'h').length} of them holes`);
  }
});
