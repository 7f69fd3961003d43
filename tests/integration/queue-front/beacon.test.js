// The beacon of a draw: announced beforehand, unknown until the entries are closed, accepted only if it is the announced
// one, and skipped only as announced.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { checkBeacon } from '../../../queue-front/web/beacon-check.js';
import { verifyRound } from '../../../queue-front/web/bls.js';
import { commitmentOf, openDraw } from '../../../queue-front/web/draw-check.js';
import { assertProblem, openScope, ROOT, runProgram, until } from '../../lib-js/index.js';
import { openBeacons } from '../../lib-js/beacon.js';
import { act, at, fairnessOf, joinInTurn, makePreQueue, openSite, patch, untilDrawn, untilDrawnEverywhere, untilState, Visitor } from './support.js';

const DRAND = { kind: 'drand', late_s: 5 };
const GAP_MS = 4000; // if the front is delayed by that much, entries still close before the round

async function openWorld(t, { fronts = 1, ...options } = {}) {
  const scope = openScope(t);
  const beacons = await openBeacons(scope, { gap: `${GAP_MS}ms`, ...options });
  const site = await openSite(t, { scope, fronts, config: { beacon: beacons.config } });
  return { site, beacons, front: site.front };
}

// A pre-queue with some entries; it opens in the far future until opensSoon().
async function gather({ site, front }, id, { entries = 5, ...knobs }) {
  await makePreQueue(site, id, { rate_per_s: 0, ...knobs });
  const promised = await fairnessOf(front, id);
  return { promised, visitors: await joinInTurn(site, id, entries) };
}

// Returns what is now announced.
async function opensSoon({ front }, id, ms = 500) {
  const { opens_at } = await patch(front, id, { opens_at: at(ms) });
  const { promised } = await fairnessOf(front, id);
  assert.ok(promised.kind === 'text' || Date.parse(promised.at) >= Date.parse(opens_at) + GAP_MS, 'a gap after the opening');
  return promised;
}

const mood = ({ beacons }, of) => { for (const relay of beacons.relays) relay.mood = of; };

const untilClosed = (front, id) => until('the closing', async () => {
  const shown = await fairnessOf(front, id);
  return shown.closed_at !== null && shown;
});

function verify(site, shown, ...more) {
  const file = join(site.scope.dir(), `fairness-${Math.random()}.json`);
  writeFileSync(file, JSON.stringify(shown));
  const program = join(ROOT, 'queue-front/verify/verify-draw.js');
  return { c: runProgram('queue-front', ['verify-draw', file, ...more]), js: spawnSync(process.execPath, [program, file, ...more], { encoding: 'utf8' }) };
}

// judges: draw
test('a round that was promised before anybody could enter decides, everybody can check all of it, and until then no seed is in the store', async (t) => {
  const world = await openWorld(t, { fronts: 2 });
  const { site, front, beacons } = world;
  const { promised: before, visitors } = await gather(world, 'show', { beacon: { kind: 'drand', late_s: 3600 } });
  const { chain } = beacons;
  assert.equal(before.promised.kind, 'drand');
  assert.equal(before.promised.chain, chain.hash);
  assert.equal(before.promised.changes, 0);
  assert.equal(Date.parse(before.promised.at), (chain.genesis + before.promised.round - 1) * 1000);
  for (const action of ['draw', 'open']) {
    assertProblem(await front.admin.post(`/admin/events/show/actions/${action}`), 409, 'beacon-not-yet');
  }

  mood(world, 'down');
  const promised = await opensSoon(world, 'show');
  const closed = await untilClosed(front, 'show');
  assert.equal(closed.entries, 5);
  assert.equal(closed.seed, null);
  assert.ok(Date.parse(closed.closed_at) < Date.parse(closed.promised.at), 'nobody knew the value');
  const stored = await site.redis.command('HGETALL', 'fg:{show}:cfg');
  const late = await Visitor.withPlace(front, 'show');
  mood(world, 'fine');

  const shown = await untilDrawnEverywhere(site, 'show');
  assert.deepEqual(shown.promised, promised);
  assert.equal(shown.commitment, before.commitment);
  assert.equal(shown.entries, 5, 'an entry after the closing is not in it');
  assert.equal(shown.beacon, chain.beacon(promised.round).randomness);
  assert.equal(shown.proof.signature, chain.signature(promised.round));
  assert.equal(shown.proof.checked, 'relays');
  assert.ok(shown.proof.relays >= 2 && shown.proof.relays_asked === 3);
  assert.equal(await commitmentOf(shown.seed), before.commitment);
  assert.equal(JSON.stringify(stored).includes(shown.seed), false);
  assert.equal(stored.includes('seed'), false);
  assert.ok(JSON.stringify(stored).includes(shown.commitment));
  const draw = await openDraw(shown);
  for (const visitor of visitors) {
    assert.equal((await visitor.me()).json.position, draw.position(visitor.first.entry));
  }
  assert.equal((await late.me()).json.position, 6);

  for (const { good, what } of await checkBeacon(shown, verifyRound)) {
    assert.equal(good, what === 'quicknet' ? null : true, what);
  }
  const good = verify(site, shown, '--entry', '3', '--commitment', before.commitment);
  assert.equal(good.c.status, 0, good.c.stderr);
  assert.match(good.c.stdout, /as promised; its value is the hash of its signature\n.*NOT CHECKED here: the signature/);
  assert.equal(good.js.status, 0, good.js.stderr + good.js.stdout);
  assert.match(good.js.stdout, /its signature is the chain's/);
  assert.match(good.js.stdout, new RegExp(`3 -> position ${draw.position(3)}\\n`));

  // Another round of the same chain with a valid signature; and an invalid signature with its own hash.
  const other = chain.beacon(promised.round + 1);
  const moved = verify(site, { ...shown, beacon: other.randomness, proof: { ...shown.proof, round: other.round, signature: other.signature } });
  assert.equal(moved.c.status, 1);
  assert.equal(moved.js.status, 1);
  const forged = verify(site, { ...shown, beacon: other.randomness, proof: { ...shown.proof, signature: other.signature } });
  assert.equal(forged.c.status, 0, 'which is why it says what it did not check');
  assert.equal(forged.js.status, 1);
  assert.match(forged.js.stdout, /DOES NOT FIT: its signature IS NOT the chain's/);
  assert.equal(verify(site, { ...shown, beacon: '', proof: { kind: 'none' } }).c.status, 1, 'none was not what was promised');
});

test('a new opening time promises a new round and shows the change', async (t) => {
  const world = await openWorld(t);
  const { front } = world;
  const { promised: first } = await gather(world, 'show', { beacon: { kind: 'drand', late_s: 3600 }, entries: 1 });
  await patch(front, 'show', { name: 'Another name' });
  assert.deepEqual((await fairnessOf(front)).promised, first.promised);
  mood(world, 'down');
  await opensSoon(world, 'show');
  const second = await until('the new promise', async () => {
    const shown = await fairnessOf(front);
    return shown.promised.changes === 1 && shown;
  });
  assert.notEqual(second.promised.round, first.promised.round);
  assert.ok(second.promised.since > first.promised.since);
  const trail = (await front.admin.get('/admin/events/show/audit?limit=5')).json.audit;
  assert.ok(trail.some(({ to }) => to?.beacon?.round === second.promised.round), JSON.stringify(trail));

  await untilClosed(front, 'show');
  for (const body of [{ opens_at: at(60_000) }, { beacon: { kind: 'none' } }, { beacon: { late_s: 9 } }]) {
    assertProblem(await front.admin.patch('/admin/events/show', { body }), 422, 'knob-invalid');
  }
  mood(world, 'fine');
  const shown = await untilDrawn(front, 'show');
  assert.equal(shown.promised.round, second.promised.round);
});

test('a value needs two relays that agree, whatever others do that are down, mute, lie or garble', async (t) => {
  const world = await openWorld(t, { relays: 6 });
  const { front, beacons } = world;
  ['down', 'mute', 'lies', 'garbles', 'down'].forEach((mood, i) => { beacons.relays[i].mood = mood; });
  await gather(world, 'show', { beacon: { kind: 'drand', late_s: 3600 } });
  await opensSoon(world, 'show');
  await until('all relays to be asked twice', async () => beacons.relays.every(({ asked }) => asked >= 1) && beacons.relays[4].asked >= 3);
  const waiting = await fairnessOf(front);
  assert.equal(waiting.drawn, false);
  assert.equal(waiting.state, 'pre-queue');
  beacons.relays[4].mood = 'fine';
  const shown = await untilDrawn(front, 'show');
  assert.equal(shown.proof.relays, 2);
  assert.equal(shown.beacon, beacons.chain.beacon(shown.promised.round).randomness);
});

test('a draw goes on without a beacon that is too late, and says so', async (t) => {
  const world = await openWorld(t, { fronts: 2 });
  const { site, front } = world;
  mood(world, 'down');
  const { promised, visitors } = await gather(world, 'show', { beacon: DRAND });
  assert.equal(promised.promised.late_s, 5, 'said beforehand');
  await opensSoon(world, 'show');
  const shown = await untilDrawnEverywhere(site, 'show');
  assert.ok(Date.parse(shown.drawn_at) >= Date.parse(shown.promised.at) + 5000);
  assert.equal(shown.beacon, '');
  assert.deepEqual(shown.proof, { kind: 'none', late: true, promised: 'drand', round: shown.promised.round, waited_s: 5 });
  assert.equal(shown.state, 'open');
  const draw = await openDraw(shown);
  for (const visitor of visitors) assert.equal((await visitor.me()).json.position, draw.position(visitor.first.entry));
  const { c, js } = verify(site, shown);
  assert.equal(c.status, 0, c.stderr);
  assert.match(c.stdout, /LATE: what was promised \(drand\) had not come after 5 s, so the seed alone decided/);
  assert.equal(js.status, 0);
  assert.match(js.stdout, /LATE/);
  const { 0: drawn } = (await front.admin.get('/admin/events/show/audit?limit=1')).json.audit;
  assert.equal(drawn.why, 'beacon-late');
  // Without the announcement of a skip, the draw is not the promised one.
  assert.equal(verify(site, { ...shown, proof: { kind: 'none' } }).js.status, 1);
});

test('a front shot and a Redis wiped between closing and draw change neither entries nor round', async (t) => {
  const world = await openWorld(t, { fronts: 2 });
  const { site, beacons } = world;
  mood(world, 'down');
  await gather(world, 'show', { beacon: { kind: 'drand', late_s: 3600 }, entries: 6 });
  await opensSoon(world, 'show');
  const [first, second] = site.fronts;
  const closed = await untilClosed(second, 'show');
  await first.kill();
  await site.redis.restartEmpty();
  await until('the line to be whole', async () => (await second.http.post('/v1/queue/show/join')).status === 201);
  mood(world, 'fine');
  const shown = await untilDrawn(second, 'show');
  assert.equal(shown.entries, closed.entries);
  assert.equal(shown.closed_at, closed.closed_at);
  assert.equal(shown.commitment, closed.commitment);
  assert.equal(await commitmentOf(shown.seed), closed.commitment);
  assert.equal(shown.beacon, beacons.chain.beacon(closed.promised.round).randomness);
});

test('fronts that come back long after the value was due fetch it, and do not go on without', async (t) => {
  const world = await openWorld(t);
  const { front, beacons } = world;
  mood(world, 'down');
  await gather(world, 'show', { beacon: DRAND });
  await opensSoon(world, 'show');
  const { promised } = await untilClosed(front, 'show');
  await front.kill();
  await until('the value to be late', () => Date.now() > Date.parse(promised.at) + 1000 * promised.late_s + 500);
  mood(world, 'fine');
  await front.start();
  const shown = await untilDrawn(front, 'show');
  assert.deepEqual([shown.proof.kind, shown.proof.round], ['drand', promised.round]);
  assert.equal(shown.beacon, beacons.chain.beacon(promised.round).randomness);
});

test('entries that close late wait for a round that nobody knew then', async (t) => {
  const world = await openWorld(t);
  const { site, front, beacons } = world;
  await gather(world, 'show', { beacon: { kind: 'drand', late_s: 3600 } });
  const promised = await opensSoon(world, 'show', 5000);
  await front.kill(); // no front ticks
  await until('the promised round', async () => beacons.chain.isOut(promised.round + 1));
  await front.start();
  const shown = await untilDrawn(front, 'show');
  assert.ok(shown.proof.round > promised.round);
  const due = (beacons.chain.genesis + shown.proof.round - 1) * 1000;
  assert.ok(due >= Date.parse(shown.closed_at) + GAP_MS, 'a gap after the closing');
  const { c, js } = verify(site, shown);
  assert.equal(c.status, 0, c.stdout);
  assert.equal(js.status, 0, js.stdout);
});

test('what an operator may say and may not: text, none, and beacons that nobody can be asked for', async (t) => {
  const world = await openWorld(t);
  const { site, front } = world;
  const faulty = async (beacon, pointer) => {
    const problem = assertProblem(await front.admin.put('/admin/events/wrong', { body: { beacon } }), 422, 'knob-invalid');
    assert.equal(problem.pointer, pointer);
  };
  await faulty({ kind: 'stars' }, '/beacon/kind');
  await faulty({ kind: 'text' }, '/beacon/words');
  await faulty({ kind: 'drand', late_s: 1 }, '/beacon/late_s');
  const closed = await openSite(t, { config: { beacon: { drand: '' } } });
  const answer = await closed.front.admin.put('/admin/events/wrong', { body: { beacon: { kind: 'drand' } } });
  assert.equal(assertProblem(answer, 422, 'knob-invalid').pointer, '/beacon/kind');

  await gather(world, 'words', { beacon: { kind: 'text', words: 'the lottery of Saturday' } });
  assertProblem(await front.admin.post('/admin/events/words/actions/draw'), 409, 'beacon-missing');
  await act(front, 'words', 'draw', { body: { beacon: '3 8 15' } });
  const shown = await untilDrawn(front, 'words');
  const { c, js } = verify(site, shown);
  assert.equal(c.status + js.status, 0);
  assert.match(js.stdout, /compare it with its source/);

  await gather(world, 'alone', { entries: 0 });
  assertProblem(await front.admin.post('/admin/events/alone/actions/draw', { body: { beacon: 'ground' } }), 409, 'beacon-not-promised');
  await act(front, 'alone', 'draw');
  const alone = await untilDrawn(front, 'alone');
  assert.deepEqual([alone.entries, alone.proof, verify(site, alone).c.status], [0, { kind: 'none' }, 0], 'a draw of nobody is a draw');
  assert.equal(alone.promised, null);

  await gather(world, 'unsaid', { beacon: { kind: 'text', words: 'nobody says it', late_s: 3600 } });
  await patch(front, 'unsaid', { beacon: { late_s: 5 } });
  assertProblem(await front.admin.post('/admin/events/unsaid/actions/undo'), 409, 'undo-impossible');
  await opensSoon(world, 'unsaid');
  const unsaid = await untilDrawn(front, 'unsaid');
  assert.equal(unsaid.proof.late, true);
  assert.equal(unsaid.promised.changes, 1, 'no undo took it back uncounted');
});

test('without the key that its seeds were sealed with nothing is drawn, and it is said', async (t) => {
  const scope = openScope(t);
  const path = join(scope.tempDir('keys-'), 'draw-keys');
  const keys = (...lines) => writeFileSync(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  const [old, young] = [`1 ${'0f'.repeat(16)}`, `9 ${'ab'.repeat(16)}`];
  keys(old);
  const site = await openSite(t, { scope, config: { keys: { draws: path } } });
  const { front } = site;
  await gather({ site, front }, 'show', {});
  keys(young);
  await front.restart();
  await untilState(front, 'show', 'pre-queue');
  assertProblem(await front.admin.post('/admin/events/show/actions/draw'), 409, 'seed-key-missing');
  keys(young, old); // as a rotation leaves it
  await front.restart();
  await untilState(front, 'show', 'pre-queue');
  await act(front, 'show', 'draw');
  assert.equal((await untilDrawn(front, 'show')).drawn, true);
});
