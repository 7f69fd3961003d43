// seen.lua and tick.lua: which places count as present, whichever fronts report them or die.
// All in virtual time, so that epochs are exact.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Clockwork, Front, OUTCOME } from './line.js';
import { pairsOf, runScript } from './script.js';

const EPOCH_MS = 60_000;
const TICK_MS = 2_500; // more than three seconds without one would be a gap
const PAGE = 65_536;

const clockwork = await Clockwork.open(test);

const odd = (upto) => Array.from({ length: upto / 2 }, (_, i) => 2 * i + 1);
const ghosts = (front) => front.view.ghosts[2];

// A line that does not move, at the beginning of an epoch, with some fronts.
async function standing(people, fronts = 1, knobs = {}) {
  const made = [clockwork.front({ id: 'front-0' })];
  for (let i = 1; i < fronts; i += 1) made.push(new Front(clockwork, made[0].event, { id: `front-${i}` }));
  await made[0].create({ rate_milli: 0, burst: 1, ...knobs });
  await clockwork.step(EPOCH_MS - (clockwork.ms % EPOCH_MS));
  if (people > 5000) await clockwork.redis.command('SET', made[0].key('seq'), people);
  else await made[0].join(people);
  return made;
}

// Runs that many epochs; in each tick each front of `heard` (front -> places) reports its signs of life.
async function epochs(n, line, heard) {
  for (let passed = 0; passed < n * EPOCH_MS; passed += TICK_MS) {
    await clockwork.step(TICK_MS);
    for (const [front, places] of heard) await front.hear(places, { epochMs: EPOCH_MS });
    await line.tick();
  }
}

// standing 100: such a line and its fronts `one` and `two`; hear two 2 51-99 leaves: of 51 to 99 the odd ones; epochs 1.9
// one:1-99 two:2: duration, and the places that each front hears in each tick
const oddIn = (word) => {
  const [from, to = from] = word.split('-').map(Number);
  return Array.from({ length: (to - from) / 2 + 1 }, (_, i) => from + 2 * i);
};
const VERBS = {
  async standing(script, [people]) {
    const [one, two] = await standing(Number(people), 2);
    Object.assign(script, { line: one, fronts: { one, two }, state: 'open' });
  },
  async epochs({ line, fronts }, [n, ...heard]) {
    await epochs(Number(n), line, heard.map((word) => word.split(':')).map(([name, places]) => [fronts[name], oddIn(places)]));
  },
  async hear({ fronts }, [name, ...words]) {
    const options = { epochMs: EPOCH_MS, leaves: words.includes('leaves'), ...pairsOf(words) };
    await fronts[name].hear(words.filter((word) => /^[\d-]+$/.test(word)).flatMap(oddIn), options);
  },
};

for (const [name, text] of [
  ['a place without a sign of life for an epoch is a ghost', // a new place has the whole next epoch
    'standing 100; epochs 1.9 one:1-99; view ghosts.2=0; epochs 0.1 one:1-99; view ghosts.2=50 waiting=50'],
  // The odd ones gave signs of life, the even ones did not. Finally the places that left are seen from another tab.
  ['a place that left is no ghost', `
    standing 100; epochs 4 one:1-99; leave 1 3 5 7 9 11 13 15 17 19; tick; view ghosts.2=50 waiting=40
    leave 2 4 6 8 10 12 14 16 18 20; tick; view ghosts.2=40 waiting=40; epochs 3 one:1-99; view ghosts.2=40 waiting=40`],
  ['a ghost that is heard by any front is back, and counts once',
    'standing 100; epochs 4 one:1-99 two:1-99; hear two 2 4; hear one 4; tick; view ghosts.2=48 waiting=52'],
  // The other front hears its visitors from the next epoch on.
  ['a front that leaves takes no marks with it, and holds nothing up', `
    standing 100; epochs 2.5 one:1-49 two:51-99; hear two 51-99 leaves; epochs 0.5 one:1-49; epochs 3 one:1-99
    view ghosts.2=50 waiting=50`],
  // Only the dead front has heard the first fifty, unreported. Then they poll the other front, and leavers are noticed.
  ['a dead front makes no ghosts and takes none away', `
    standing 200; epochs 4 one:1-199 two:1-199; view ghosts.2=100
    ${2 * EPOCH_MS / TICK_MS - 1} times: epochs ${TICK_MS / EPOCH_MS} one:101-199, view ghosts.2=100
    epochs 1 one:1-199; view ghosts.2=100; epochs 3 one:101-199; view ghosts.2=150`],
  ['fronts that do not agree how long an epoch is make nobody a ghost', `
    standing 100; ${6 * EPOCH_MS / TICK_MS} times: step ${TICK_MS}, hear one 1, hear two 2 epochMs=${EPOCH_MS / 2}, tick, view ghosts.2=0`],
  ['a reopened line keeps its ghosts and makes no new ones', `
    standing 100; epochs 4 one:1-99; move sold-out; epochs 3 one:1; view ghosts.2=50; move open
    epochs 0.5 one:1-99; view ghosts.2=50; epochs 3 one:1-99; view ghosts.2=50`],
]) test(name, () => runScript(clockwork, text, VERBS));

test('late marks count for the epoch in which they were made', async () => {
  const [one, two] = await standing(100, 2);
  for (let passed = 0; passed < 6 * EPOCH_MS; passed += TICK_MS) {
    await clockwork.step(TICK_MS);
    const since = clockwork.ms % EPOCH_MS;
    await one.hear([], { epochMs: EPOCH_MS });
    const begun = clockwork.ms - since;
    if (since >= EPOCH_MS / 3) await two.hear(odd(100), { epochMs: EPOCH_MS, atMs: begun - 1, sentMs: begun });
    else await two.hear([], { epochMs: EPOCH_MS, sentMs: 0 });
    await one.tick();
    assert.ok(ghosts(one) === 0 || ghosts(one) === 50, `${ghosts(one)} ghosts`);
  }
  assert.equal(ghosts(one), 50);
});

test('a line of several pages is checked to the last place', async () => {
  const people = 6 * PAGE + 17;
  const [front] = await standing(people);
  const here = [1, PAGE - 1, PAGE, 3 * PAGE + 5, people];
  await epochs(4, front, [[front, here]]);
  assert.deepEqual([ghosts(front), front.view.waiting], [people - 5, 5]);
  await front.change({ rate_milli: 1_000_000, burst: 100 });
  for (let i = 0; i < 1000 && front.view.serving < people; i += 1) {
    await clockwork.step(100);
    await front.tick();
  }
  assert.deepEqual([front.view.serving, front.view.ghosts[1], ghosts(front), front.view.outstanding],
    [people, people - 5, 0, 5]);
  assert.equal((await front.pass(3 * PAGE + 5)).outcome, OUTCOME.OK);
});
