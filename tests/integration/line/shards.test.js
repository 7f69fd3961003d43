// One line over shards: numbers of shards, cuts, leases and seals, with each server lost and each front dying. No
// front of queue-front does this yet; here the scripts are called as one would.

import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRng } from '../../lib-js/rng.js';
import { ask, numbersOf, replyOf } from '../../lib-js/wire.js';
import { Clockwork, Front, OUTCOME, STATE, upTo } from './line.js';
import { assertFields, pairsOf, range, runScript } from './script.js';
import { Cuts, ShardedFront, ShardServer } from './shards.js';

const {
  LEASE_OUT, LEASE_MIN, LEASE_MAX, CUTS_WINDOW_MS, KEY_BYTES, WORK_MINUTES, WORK_SPENT, INVITATION_SPENT, INVITATION_LEFT, CODE_LEFT,
} = numbersOf();
const clockworks = [];
let names = 0;
let runs = 1;
const nextRun = () => `run-${(runs += 1)}`;
for (let i = 0; i < 2; i += 1) clockworks.push(await Clockwork.open(test));

const step = async (ms) => {
  for (const clockwork of clockworks) await clockwork.step(ms);
};

// An open event with `shards`, and a front of it.
async function line(shards, state = STATE.OPEN) {
  const event = `shards-${(names += 1)}`;
  await new Front(clockworks[0], event).create({}, STATE.DRAFT);
  const servers = Array.from({ length: shards }, () => new ShardServer(clockworks[0], nextRun()));
  const front = new ShardedFront(clockworks[0], event, servers);
  await front.turn(); // while nobody may join
  if (state !== STATE.DRAFT) await new Front(clockworks[0], event).move(STATE.DRAFT, state);
  return front;
}

const another = (front) => new ShardedFront(clockworks[0], front.event, [...front.servers], { runId: front.line.runId });

const some = (n, name = 'a') => Array.from({ length: n }, (_, i) => `${name}${i}`);

// The number of places that Redis has given out, and of those that belong to nobody.
const given = async (front) => Number(await clockworks[0].redis.command('GET', front.line.key('seq')));
const leftOut = async (front) => await clockworks[0].redis.command('GET', front.line.key('gaps')) ?? '';

// The event's slot comes back as another run of Redis, without what `lose` removed, and fronts heal it.
async function healEvent(fronts, gap, lose) {
  await lose();
  const run = nextRun();
  for (const front of fronts) front.line.runId = run;
  for (const front of fronts) assert.equal((await front.line.heal({ gap })).outcome, OUTCOME.HEAL);
  await step(1000);
  for (const front of fronts) assert.equal((await front.line.heal({ gap })).outcome, OUTCOME.OK);
  for (const front of fronts) {
    // CONFLICT: a copy from before an earlier loss, after which fronts have other cuts.
    assert.ok([OUTCOME.HEAL, OUTCOME.CONFLICT].includes((await front.cut({ tell: 1 })).outcome));
  }
  await step(CUTS_WINDOW_MS);
}

const keysOfEvent = (front) => clockworks[0].redis.command('KEYS', front.line.key('*'));
const wipeEvent = async (front) => clockworks[0].redis.command('DEL', ...await keysOfEvent(front));

// A copy of the event's slot under other names.
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
// Calls of fronts that may each die before the next one, in any order.
test('an invitation is returned only while no number is opened by it', async () => {
  const front = await line(2);
  await front.turn();
  const named = (name) => name.padEnd(KEY_BYTES);
  const claim = async (kind, key, name, more = '') => (await front.shard(1).run('claim', ...ask('claim', { of_codes: 0 }),
    kind, named(key), named(name), more))[2];
  const back = (key, name, when) => claim('invitation-back', key, name, when);
  const joinAt = async (k, key, ...claimed) => (await front.shard(k).run('join', ...ask('join', {
    issued: 0, joins: 1, judged_by: '', shown: claimed.length, keys: named(key), addresses: '',
  }), ...claimed.flatMap((name) => ['0', 'claimed', name, name === 'code' ? CODE_LEFT : INVITATION_LEFT]))).slice(4);
  const join = (key, ...claimed) => joinAt(0, key, ...claimed);
  const { OK, SAME } = OUTCOME;

  // A front died after the claim; the retry numbers the join, and one more finds it.
  assert.deepEqual([await claim('invitation', 'kim', 'one'), await claim('invitation', 'kim', 'one')], [OK, SAME]);
  assert.deepEqual(await join('kim', 'one'), []);
  assert.deepEqual(await join('kim', 'one'), [0, 1]);
  // One that got no number after another of the same key did not return what opened that.
  await back('kim', 'one', 'alone');
  assert.equal(await claim('invitation', 'lee', 'one'), INVITATION_SPENT);
  // A front died after it had claimed a second invitation; the retry returns that, and another key's stays.
  assert.deepEqual([await claim('invitation', 'kim', 'two'), await claim('invitation', 'kim', 'two')], [OK, SAME]);
  assert.deepEqual(await join('kim', 'two', 'code'), [0, 1, 0, INVITATION_LEFT, 0, CODE_LEFT]);
  await back('kim', 'two', 'always');
  assert.equal(await claim('invitation', 'lee', 'two'), OK);
  await back('kim', 'two', 'always');
  assert.equal(await claim('invitation', 'kim', 'two'), INVITATION_SPENT);
  // One without a number returns its claim, unless another of the same key has made the same.
  await back('lee', 'two', 'alone');
  assert.deepEqual([await claim('invitation', 'pat', 'two'), await claim('invitation', 'pat', 'two')], [OK, SAME]);
  await back('pat', 'two', 'alone');
  assert.equal(await claim('invitation', 'lee', 'two'), INVITATION_SPENT);
  assert.deepEqual(await join('pat', 'two', 'code'), []);
  assert.deepEqual(await join('pat', 'code'), [0, 2]);
  assert.deepEqual(await joinAt(1, 'two', 'code'), [0, INVITATION_SPENT], 'a visitor who is no member gets no place by it either');
});

const outcomeOf = (word) => OUTCOME[word.replace('-', '_').toUpperCase()];
const keysOf = (word) => (/:\d+$/.test(word) ? some(Number(word.split(':')[1]), word.split(':')[0]) : [word]);
const numbersIn = (words) => words.flatMap((word) => (word === 'out' ? [LEASE_OUT] : range(word)));
const looks = async (front) => {
  const seen = [];
  for (const k of front.servers.keys()) seen.push(await front.look(k));
  return seen;
};

// Statements about fronts of a sharded line, in addition to those of script.js:
//
//   shards 2 in pre-queue                a line of two shards and its fronts `one` and `two`; open, unless a state is named
//   front three                          another front, which knows nothing yet
//   join 0 a:3 b = 1..3 out              keys a0 to a2 and b at shard 0, and their numbers; out: beyond the lease
//   turn same; place 0 a:3               what a front does each 20 ms; joins and such a turn
//   look 1 heal epoch=2                  what shard 1 answers
//   read early; cut ok nth=1 read=early  what all shards answer, kept under a name; a cut made of it
//   seal 0 early same                    as one that has read this of shard 0
//   server 1 two at=1                    another server for a shard, as front `two` (or all) believe; in the other Redis
//   cuts 1c5,3; answers 1 3; answers b 2 the cuts that the front knows; places that its joins have by now, or those of keys b*
//   given 9; left 4:6                    places that Redis has given out; those that it leaves out of the line
//   document version=5                   what the front tells shards
//   copy; back 100 two; wipe 100 two     the event's slot comes back as it was, or empty, and these fronts heal it with such a gap
const VERBS = {
  async shards(script, [n, , state = 'open']) {
    const one = await line(Number(n), STATE[state.replace('-', '_').toUpperCase()]);
    Object.assign(script, { line: one, fronts: { one, two: another(one) }, reads: {} });
  },
  // unopened 2: shards that no front has contacted yet, of a draft or of an open line.
  async unopened(script, [n, state]) {
    const event = `shards-${(names += 1)}`;
    await new Front(clockworks[0], event).create({}, STATE[state.toUpperCase()]);
    script.line = new ShardedFront(clockworks[0], event, upTo(Number(n)).map(() => new ShardServer(clockworks[0], nextRun())));
  },
  front(script, [name]) {
    script.line = another(script.line);
    script.fronts[name] = script.line;
  },
  step: (script, [ms]) => step(Number(ms)),
  async join({ line: front }, [k, ...words], wanted) {
    const { by } = pairsOf(words);
    const keys = words.filter((word) => !word.includes('=')).flatMap(keysOf);
    const { outcome, places } = await front.join(Number(k), keys, by);
    if (wanted.length === 0) return;
    if (/^(heal|conflict|wrong-state)$/.test(wanted[0])) assert.equal(outcome, outcomeOf(wanted[0]));
    else assert.deepEqual(places, numbersIn(wanted));
  },
  async turn({ line: front }, [wanted]) {
    const { outcome } = await front.turn();
    if (wanted !== undefined) assert.equal(outcome, outcomeOf(wanted));
  },
  async place(script, words) {
    await VERBS.join(script, words, []);
    await script.line.turn();
  },
  async look({ line: front }, [k, wanted, ...words]) {
    const seen = await front.look(Number(k));
    assert.equal(seen.outcome, outcomeOf(wanted));
    assertFields(seen, words);
  },
  async read({ line: front, reads }, [name]) {
    reads[name] = await looks(front);
  },
  async cut(script, [wanted, ...words]) {
    const { read, ...more } = pairsOf(words);
    script.answer = await script.line.cut({ ...more, read: read && script.reads[read] });
    assert.equal(script.answer.outcome, outcomeOf(wanted));
  },
  async seal({ line: front, reads }, [k, name, wanted]) {
    assert.equal((await front.cut({ seal: Number(k), opening: reads[name][k].opening })).outcome, outcomeOf(wanted));
  },
  server({ fronts }, words) {
    const { at = 0, run = nextRun() } = pairsOf(words);
    const server = new ShardServer(clockworks[at], run);
    const [k, ...of] = words.filter((word) => !word.includes('='));
    for (const name of of.length > 0 ? of : Object.keys(fronts)) fronts[name].servers[k] = server;
  },
  cuts: ({ line: front }, words) => assert.deepEqual(front.cuts, words),
  answers({ line: front }, words) {
    const [prefix, numbers] = /^[a-z]/.test(words[0]) ? [words[0], words.slice(1)] : ['', words];
    const places = front.answers().filter(({ key }) => key.startsWith(prefix)).map(({ place }) => place);
    assert.deepEqual(places.sort((a, b) => a - b), numbersIn(numbers));
  },
  given: async ({ line: front }, [n]) => assert.equal(await given(front), Number(n)),
  left: async ({ line: front }, [ranges = '']) => assert.equal(await leftOut(front), ranges),
  document({ line: front }, words) {
    front.document = { ...front.document, ...pairsOf(words) };
  },
  tick: ({ line: front }) => front.line.tick(),
  view: ({ line: front }, words) => assertFields(front.line.view, words),
  hear: ({ line: front }, words) => front.line.hear(words.map(Number), { epochMs: 90_000 }),
  heal: async ({ line: front }, [gap]) => assert.equal((await front.line.heal({ gap: Number(gap) })).outcome, OUTCOME.OK),
  forget: ({ line: front }) => front.forget(),
  // shard 0 SET seq 2; event DEL cuts: a command on a key of a shard, or of the event
  shard: ({ line: front }, [k, command, key, ...more]) => clockworks[0].redis.command(command, front.shard(Number(k)).key(key), ...more),
  async event({ line: front }, [command, key, ...more], wanted) {
    const got = await clockworks[0].redis.command(command, front.line.key(key), ...more);
    if (wanted.length > 0) assert.equal([got].flat().join(' '), wanted.join(' '));
  },
  copy: ({ line: front }) => copyEvent(front),
  back: ({ line: front, fronts }, [gap, ...of]) => healEvent(of.map((name) => fronts[name]), Number(gap), () => goBackToCopy(front)),
  wipe: ({ line: front, fronts }, [gap, ...of]) => healEvent(of.map((name) => fronts[name]), Number(gap), () => wipeEvent(front)),
  // the run of Redis that the front believes in, or of this name
  run({ fronts }, [run, ...of]) {
    for (const name of of) fronts[name].line.runId = fronts[run]?.line.runId ?? run;
  },
  misremember({ line: front }, [first]) {
    front.cuts[0] = first;
  },
  ticket({ line: front }, [place]) {
    front.line.marks.issued = Number(place);
  },
};

// One of two fronts has sealed shard 1. The event goes back to an earlier copy, and the other front seals the shard again,
// at another, empty master.
const sealedTwice = (gap) => `
  shards 2; two; turn; tick; copy; server 1 one; one; turn; look 1 ok epoch=2; back ${gap} two; server 1 two at=1; two; turn; look 1 ok epoch=2`;

for (const [name, text] of [
  ['numbers of shards become the same gap-free places at all fronts', `
    shards 3; two; turn; one; join 0 a:5; two; join 1 b:3; one; join 2 c; answers; turn ok; two; turn same; cuts 1c5,3,1
    answers 2 5 8; one; answers 1 3 4 6 7 9; answers`],
  ['a join that is repeated, at whichever front, has the same number', `
    shards 2; join 1 a b = 1 2; two; join 1 b c a = 2 3 1; turn; join 1 a = 1`],
  ['the first of two fronts makes a cut, and only once', `
    shards 2; two; turn; one; join 0 a:4; read early; join 0 b:2; two; read later; cut ok nth=1 read=later
    one; cut same nth=1 read=early; cut same nth=2 read=early; two; join 1 c; read newer; cut same nth=1 read=newer
    cuts 1c6,; one; cuts 1c6,`],
  ['one waiting front per slot reads the shards', `
    shards 2; two; cut same slotMs=10; answer due=1; one; cut same slotMs=10; answer due=0; two; cut same slotMs=10; answer due=0
    step 9; one; cut same slotMs=10; answer due=0; two; cut same slotMs=10; answer due=0; step 1; one; cut same; answer due=0
    cut same slotMs=10; answer due=1; two; cut same slotMs=10; answer due=0`],
  ['nothing is given beyond the lease, and the next cut moves it', `
    shards 2; join 0 a:${LEASE_MIN + 10} = 1..${LEASE_MIN}${' out'.repeat(10)}; join 0 a0 z = 1 out; turn; join 0 z = out
    turn; join 0 z = ${LEASE_MIN + 1}; look 0 ok lease=${2 * LEASE_MIN + 1}..${LEASE_MIN + LEASE_MAX}`],
  ['a lease is raised by an eighth of what is left of it, not by less', `
    shards 2; place 1 a:${LEASE_MIN / 8 - 1}; look 1 ok lease=${LEASE_MIN}; place 1 b; look 1 ok lease=${LEASE_MIN + LEASE_MIN / 8}`],
  ['a new shard gives nothing and opens without a hole', 'unopened 1 draft; join 0 a = heal; turn; join 0 a = 1; cuts'],
  ['a line opened before its shards starts without a hole', 'unopened 2 open; turn; join 1 a = 1; turn; cuts 1c,1'],
  // A number in a hole is honoured.
  ['a restarted shard gives nothing until its epoch is sealed', `
    shards 2; place 1 a:7; join 1 b:2; look 1 ok lease=${LEASE_MIN}; server 1 one; join 1 c = heal; turn; cuts 1c,7 1h,${LEASE_MIN}
    join 1 c a0 = ${LEASE_MIN + 8} 1; turn; answers b 8 9`],
  ['two fronts that find a shard lost seal it once', `
    shards 2; place 0 a:3; two; turn; server 0; one; read byOne; two; read byTwo; one; seal 0 byOne ok; look 0 ok
    join 0 x = ${LEASE_MIN + 4}; two; seal 0 byTwo same; look 0 ok; join 0 x = ${LEASE_MIN + 4}; one; join 0 x y = ${LEASE_MIN + 4} ${LEASE_MIN + 5}`],
  ['a shard that is behind gives nothing until it is sealed', `
    shards 2; join 0 a:5; shard 0 SET seq 2; look 0 heal; front fresh; join 0 x = heal; turn; join 0 x a4 = ${LEASE_MIN + 1} 5`],
  ['a shard with fewer numbers than the cuts is sealed', `
    shards 2; place 0 a:5; shard 0 SET seq 2; front fresh; turn; join 0 x a4 = ${LEASE_MIN + 6} 5`],
  ['old rules give no number: a shard checks by its newest document', `
    shards 1; document version=5; turn; join 0 a by=4 = conflict; document version=4; turn; join 0 a by=4 = conflict; join 0 a by=5 = 1
    document version=6 state=${STATE.CLOSED}; turn; join 0 b = wrong-state`],
  // Only one front knows the second cut, and heal.lua leaves another boot. Finally a front with other cuts gets a conflict.
  ['fronts send lost cuts before a new one is made', `
    shards 2; place 0 a:3; two; turn; one; place 1 a:4; event DEL cuts; event DEL cutting; event HSET cfg boot run-2; run run-2 one two
    two; read later; cut heal nth=2 read=later tell=1; answer retry_ms=1..${CUTS_WINDOW_MS}; one; cut heal tell=1; step ${CUTS_WINDOW_MS}
    two; join 0 z; turn ok; cuts 1c3, 1c,4 1c1,; misremember 1c2,; cut conflict tell=1`],
  ['a front that missed a loss of cuts gets a conflict', `
    shards 2; place 0 a; two; turn; one; place 1 b; place 1 c; two; tick; wipe 100 two; turn; place 1 z; cuts 1c1, 1g102, 1h,2 1c,1
    one; cuts 1c1, 1c,1 1c,1; run two one; cut conflict; two; front fresh; turn; cuts 1c1, 1g102, 1h,2 1c,1`],
  ['the places given out are those that the cuts give, in the same step', `
    shards 2; join 0 a:5; tick; view issued=0; turn; tick; view issued=5 waiting=5; given 5`],
  // Two places had numbers in the hole. Place by place it would take twice as many ticks (WALK_MAX).
  ['a hole does not wait and is stepped over at once', `
    shards 2; place 1 a:7; join 1 b:2; server 1 one; turn; place 0 c:3; left 8:${LEASE_MIN + 7}; tick
    view issued=${LEASE_MIN + 10} waiting=10 gaps.0=${LEASE_MIN} gaps.3=${LEASE_MIN}; hear 8 9; 3 times: step 100, tick
    view serving=${LEASE_MIN + 10} waiting=0; left`],
  ['adjacent holes are one range', `
    shards 3 in pre-queue; place 0 a; server 1 one; server 2 one; turn; left 2:${2 * LEASE_MIN + 1}; tick; view issued=${2 * LEASE_MIN + 1}
    event HGET bucket gap_pending = 1; event HEXISTS bucket ghosts_n = 0; event EXISTS away:0 = 0`],
  // It still talks to the first server.
  ['an epoch with a lost seal differs from the next one', `
    ${sealedTwice(100)}; one; forget; run two one; cut same; look 1 heal epoch=2; join 1 a = heal; two; look 1 ok`],
  // Shard 1 gave places known only to a front that dies together with Redis. The sums are those of cut_test.c.
  ['the gap of a heal is a gap of the cuts', `
    shards 2; place 0 a:3; two; turn; tick; one; place 1 b:4; answers b 4..7; wipe 100 two; two; join 0 z; turn ok; cuts 1c3, 1g100, 1h,4 1c1,
    event XRANGE cuts 1-0 2-0 = 1-0,c,1c3,,s,1429104163 2-0,c,1g100,,s,408028321; given 108; left 4:107; tick; view issued=108`],
  ['what a shard gave in an epoch that no cut tells of any more is a hole', `
    shards 2; two; turn; tick; server 1; one; turn; two; join 1 a = ${LEASE_MIN + 1}; wipe 100 two; turn; cuts 1g200, 1h,${LEASE_MIN + 1}
    left 1:${LEASE_MIN + 201}; answers a ${LEASE_MIN + 201}`],
  ['a ticket beyond the cuts makes a gap', 'shards 2; place 0 a:3; tick; ticket 500; heal 128; turn; turn; cuts 1c3, 1g625,'],
]) test(name, () => runScript(clockworks[0], text, VERBS));

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

// The cuts that ended its epoch are lost, and it is sealed again after other cuts. Then the event goes back once more, to a
// copy to which one front restores the former cuts.
test('a shard sealed behind lost cuts is sealed again', async () => {
  const { fronts: { one, two } } = await runScript(clockworks[0], sealedTwice(LEASE_MAX), VERBS);
  await two.join(1, some(2));
  await two.turn();
  await healEvent([one, two], 3 * LEASE_MAX, () => goBackToCopy(one));
  one.servers[1] = two.servers[1];
  assert.deepEqual(one.cuts, [`1h,${LEASE_MIN}`]);
  assert.equal((await two.look(1)).epoch, 2);
  await one.turn();
  const people = new Cuts(one.cuts, 2).people().map(({ shard, number }) => `${shard}/${number}`);
  assert.deepEqual(people, []); // that many numbers have no visitor
  const { places } = await one.join(1, some(2, 'b'));
  const given = two.waiting.map(({ number }) => number);
  assert.ok(Math.min(...places) > Math.max(...given), `${places} after ${given}`);
});

test('an opening is no longer than what fronts of any version read', async () => {
  const front = await line(2);
  front.servers[1] = new ShardServer(clockworks[0], 'f'.repeat(40));
  await front.turn();
  const { opened } = await front.look(1);
  assert.match(opened, /^f{40}@\d{16}\+[0-9a-f]{1,6}$/);
  assert.ok(opened.length <= 64); // SHARDS_OPENING_MAX
});

test('a shard drops old address counts and is erased with its event', async () => {
  const front = await line(2);
  const { redis } = clockworks[0];
  const keys = async () => (await redis.command('KEYS', `fg:{${front.event}:0}:*`)).map((key) => key.split(':').slice(3).join(':')).sort();
  const sweep = async (what) => {
    let at = 0;
    do {
      const answer = replyOf('sweep', await front.shard(0).run('sweep', ...ask('sweep', { what, at })));
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

test('an event that is erased leaves no cuts behind, and the next one is newer by any clock', async () => {
  const front = await line(2);
  await front.join(0, some(3));
  await front.turn();
  const later = (Date.now() + 600_000).toString(16).padStart(12, '0'); // Redis's clock was set back since it was made
  await clockworks[0].redis.command('HSET', front.line.key('cfg'), 'deleted', '{}', 'incarnation', `${later}00000f`);
  for (let at = 0; ;) {
    at = Number(replyOf('sweep', await front.line.run('sweep', ...ask('sweep', { what: 'erase', at }))).at);
    if (at === 0) break;
  }
  assert.deepEqual(await keysOfEvent(front), [front.line.key('erased')]);
  await front.line.create();
  const next = await clockworks[0].redis.command('HGET', front.line.key('cfg'), 'incarnation');
  assert.ok(next > `${later}00000f`, 'the next event with this id is newer');
});

test('a line has one number of shards', async () => {
  const front = await line(2);
  const other = new ShardedFront(clockworks[0], front.event, [...front.servers, front.servers[0]]);
  assert.equal((await other.cut()).outcome, OUTCOME.CONFLICT);
});

test('a shard\'s settings are a hash table in Redis', async () => {
  const front = await line(2);
  await front.turn();
  for (const k of [0, 1]) assert.equal(await clockworks[0].redis.command('OBJECT', 'ENCODING', front.shard(k).key('cfg')), 'hashtable');
});

// ---- anything, in any order ----

const SHARDS = 3;
const KEYS_OF_SHARD = 60;

// One line, and the knowledge of an observer who sees every answer.
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

  // Another server becomes master with the data it had, as another run. Fronts that have not noticed keep using the old one.
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
      // A front that still uses the server before that would find the new data there, so it loses that server.
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

  // The event's server comes back as an older copy of itself, or empty. If no living front knows the last cuts they are
  // lost, and the gap covers what they have answered.
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

  // Redis gives places by the cuts, and leaves the same ones out of the line.
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
    if (!isMaster) return; // its memory is lost with it
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

// Each shard is sealed by its own command; the first one to be opened finds the shard without an event.
for (const [first, second] of [[0, 1], [1, 0]]) {
  test(`lane ${first} of a shard is opened and leaves lane ${second} the word that it is being sealed by`, async () => {
    const { clockwork, runId } = new ShardServer(clockworks[0], nextRun());
    const event = `shards-${(names += 1)}:0`;
    const look = async (lane, epoch, opening) => replyOf('shard', await new Front(clockwork, event, { runId: `${runId}:5`, lane }).run('shard', ...ask('shard', {
      issued: 0, epoch, upto: 0, lease: LEASE_MIN, opening, version: 1, era: 0, state: STATE.OPEN, joins_per_ip_per_min: 0, full_from: '', shares: 30,
    })));
    const openings = [];
    for (const lane of [0, 1]) openings.push((await look(lane, 0, '')).opening);
    for (const lane of [first, second]) assert.equal((await look(lane, 1, openings[lane])).outcome, OUTCOME.OK);
  });
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
