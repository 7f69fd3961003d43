// Random operators and visitors against the two promises: a position, once shown, never gets worse,
// and admission never exceeds its limits.

import assert from 'node:assert/strict';
import test from 'node:test';
import { delay, seededRng, until } from '../../lib-js/index.js';
import { live, makeEvent, openHouse, patch, Visitor } from './support.js';

const SECONDS = process.env.FAIRGATE_SOAK ? 120 : 8;

// Who asks while another is being answered shares the next answer: a front bears few scrapes at once.
function shared(ask) {
  let running = Promise.resolve();
  let next = null;
  return () => (next ??= running.then(() => {
    next = null;
    running = ask();
    return running;
  }));
}

// The second tick from now on began after now.
async function newerPicture({ ticks }) {
  const before = await ticks();
  await until('two ticks', async () => (await ticks()) >= before + 2, { everyMs: 200 });
}

// What a visitor has seen so far may only get better.
function watch(told, now, seed) {
  const say = `seed ${seed}: ${JSON.stringify(told)} then ${JSON.stringify(now)}`;
  if (told.position !== undefined) assert.equal(now.position, told.position, say);
  if (told.ahead !== undefined) assert.ok(now.ahead <= told.ahead, say);
  if (['called', 'late', 'admitted'].includes(told.place)) assert.notEqual(now.place, 'waiting', say);
  assert.ok(now.eta.p50_s === null || now.eta.p50_s <= now.eta.p90_s, say);
  Object.assign(told, now);
}

// Most called visitors enter, stay a while, and leave or forget to.
async function visit(visitor, rng, endsAt, seed) {
  const told = {};
  const answer = await visitor.join();
  if (answer.status !== 201) return;
  watch(told, answer.json, seed);
  const comes = rng.chance(0.8);
  let { front } = visitor;
  while (performance.now() < endsAt) {
    // The pictures of two fronts differ by a tick, which a busy machine makes long.
    if (rng.chance(0.2)) {
      front = rng.pick(visitor.fronts);
      await newerPicture(front);
    }
    const { status, json } = await visitor.me({ front });
    assert.equal(status, 200);
    watch(told, json, seed);
    if (json.called && comes) {
      const pass = await visitor.pass({ front });
      assert.ok([200, 201, 409, 410].includes(pass.status), pass.text);
      if (pass.status === 201 && rng.chance(0.5)) {
        await visitor.leave({ front });
        return;
      }
    }
    if (json.place === 'expired') return;
    await delay(rng.between(20, 200));
  }
}

async function operate(house, rng, endsAt, limits) {
  while (performance.now() < endsAt) {
    const body = {
      rate_per_s: rng.pick([0, 1, 5, 20, 50]),
      burst: rng.pick([1, 5, 20]),
      max_active: rng.pick([1, 3, 10, 40]),
      call_ttl_s: rng.pick([1, 2]),
      grace_s: rng.pick([0, 1, 2]),
      session_ttl_s: rng.pick([1, 2]),
    };
    // Looser limits count from before they are set, stricter ones once they have been for a second.
    const before = limits.at(-1);
    limits.push({ at: performance.now(), over: Infinity, ...body });
    await patch(rng.pick(house.fronts), 'show', body);
    before.over = performance.now();
    await delay(rng.between(300, 1500));
  }
}

// Samples what Redis itself holds, and holds it against what was allowed lately.
async function audit(house, endsAt, limits, seed) {
  const samples = [];
  while (performance.now() < endsAt) {
    const at = performance.now();
    const serving = Number(await house.redis.command('GET', 'fg:{show}:serving'));
    samples.push({ at, upto: performance.now(), serving });
    await newerPicture(house.front);
    const { active } = await live(house.front, 'show');
    const recent = limits.filter(({ over }) => over > at - 3000); // sessions of a looser time may last for their ttl
    const allowed = Math.max(...recent.map((limit) => limit.max_active));
    assert.ok(active <= allowed, `seed ${seed}: ${active} inside, ${allowed} allowed`);
    await delay(100);
  }
  // The line never moved faster than the fastest rate and burst in force.
  for (let i = 0; i < samples.length; i += 1) {
    for (let j = i + 1; j < samples.length; j += 1) {
      const span = samples[j].upto - samples[i].at; // at most
      if (span < 1000) continue;
      const inForce = limits.filter(({ at, over }) => at < samples[j].upto && over > samples[i].at - 1500);
      const rate = Math.max(...inForce.map((limit) => limit.rate_per_s));
      const burst = Math.max(...inForce.map((limit) => limit.burst));
      const moved = samples[j].serving - samples[i].serving;
      const most = rate * (span / 1000 + 0.75) + burst;
      assert.ok(moved <= most, `seed ${seed}: ${moved} called in ${span} ms, at most ${most}`);
    }
  }
}

// judges: place, length
test('positions never get worse and limits are never exceeded', async (t) => {
  const rng = seededRng(t);
  const house = await openHouse(t, { fronts: 2 });
  const start = { rate_per_s: 20, burst: 5, max_active: 5, call_ttl_s: 2, grace_s: 1, session_ttl_s: 2 };
  await makeEvent(house, 'show', start);
  for (const front of house.fronts) front.ticks = shared(async () => (await front.metrics()).get('fairgate_store_ticks_total'));
  const limits = [{ at: 0, over: Infinity, ...start }];
  const endsAt = performance.now() + SECONDS * 1000;
  const visitors = Array.from({ length: 60 }, async () => {
    while (performance.now() < endsAt) {
      const visitor = new Visitor(rng.pick(house.fronts), 'show');
      visitor.fronts = house.fronts;
      await visit(visitor, rng, endsAt, rng.seed);
      await delay(rng.between(0, 300));
    }
  });
  await Promise.all([
    ...visitors,
    operate(house, rng, endsAt, limits),
    audit(house, endsAt, limits, rng.seed),
  ]);
  const end = await live(house.front, 'show');
  assert.ok(end.admitted > 0, 'somebody came in at all');
});
