// tick.lua and visit.lua: who is called when, who comes in, and what holds them back. All in virtual
// time, so that rates and limits are judged exactly.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Clockwork, Front, OUTCOME, STATE } from './line.js';
import { runScript } from './script.js';

const clockwork = await Clockwork.open(test);

// Ticks of `line` for `ms`, `everyMs` apart.
async function run(line, ms, everyMs = 100) {
  const calls = [];
  for (let passed = 0; passed < ms; passed += everyMs) {
    await clockwork.step(everyMs);
    const before_ = line.view?.serving ?? 0;
    await line.tick();
    calls.push(line.view.serving - before_);
  }
  return calls;
}

// A line of that many people, some time after the first tick.
async function queued(knobs, people, ms) {
  const line = await clockwork.front().create(knobs);
  await line.join(people);
  await line.tick();
  await run(line, ms);
  return line;
}

// Lets the places in; asserts that they get passes.
async function enter(line, ...places) {
  for (const place of places) assert.equal((await line.pass(place)).outcome, OUTCOME.OK, `place ${place}`);
}

for (const [name, text] of [
  ['an opened line starts without a burst', `
    create rate_milli=10000 burst=500 in paused; join 1000; run 60000 5000; move open; tick; view serving=0
    run 500; calls 1 1 1 1 1`],
  ['an idle line saves up to its burst and not a token more',
    'create rate_milli=100000 burst=20; tick; run 3000; join 200; tick; view serving=20; run 200; calls 10 10'],
  ['what was saved is bound by a smaller burst at once',
    'create rate_milli=100000 burst=20; tick; run 1000; change burst=1; join 50; tick; view serving=1'],
  ['at a rate of 0 nothing is saved',
    'create rate_milli=100000 burst=20; tick; run 1000; change rate_milli=0; join 50; tick; change rate_milli=1000; tick; view serving=0'],
  ['a stall of a minute lets in a quarter of a second\'s worth',
    'create rate_milli=100000 burst=1; join 10000; tick; step 60000; tick; view serving=25'],
  ['a clock that steps back calls nobody twice and goes on',
    'create rate_milli=100000 burst=1; join 1000; tick; run 500; step -10000; tick; view serving=50; run 200; calls 10 10'],
  ['paused: people join, nobody is called, the called still come in',
    'create rate_milli=100000; join 50; tick; run 100; move paused; run 1000; view serving=10; join 1 = 51; enter 10'],
  ['who owes a token at the door keeps no slot from one who is in time', `
    create rate_milli=500 burst=1 max_active=1 call_ttl_ms=1000 grace_ms=10000; join 3; tick; run 4500
    view serving=2; pass 1 not-yet; pass 2 ok`],
  ['the service rate is measured only while visitors wait', `
    create rate_milli=40000 burst=1; tick; run 2000; view service_rate_milli=0
    join 1000; run 5000; view service_rate_milli=39001..40999`],
  ['no more are inside than max_active, and a freed slot is used again', `
    create rate_milli=1000000 burst=100 max_active=5; join 20; tick; run 300; view serving=5; enter 1..5
    run 300; view serving=5 active=5; end 2; leave 4; run 300; view serving=7`],
  ['a lower max_active ends no visit and blocks new ones', `
    create rate_milli=1000000 burst=100 max_active=6; join 20; tick; run 200; enter 1..5; change max_active=3
    run 200; view active=5; pass 6 not-yet; answer retryMs=1..999999; end 1 2; pass 6 not-yet; end 3; enter 6`],
  ['a called visitor without a free slot keeps the call and goes first', `
    create rate_milli=1000000 burst=100 max_active=4 call_ttl_ms=3000 grace_ms=0; join 20; tick; run 200; enter 1 2
    change max_active=2; run 100; 8 times: pass 4 not-yet, run 1000 200
    pass 3 expired; end 1; run 400 200; view serving=4; enter 4`],
  ['a lower place at the door goes first', `
    create rate_milli=1000000 burst=100 max_active=3; join 9; tick; run 200; enter 1
    change max_active=1; pass 3 2 not-yet; end 1; pass 3 not-yet; enter 2`],
  ['a visitor who stops retrying no longer holds a slot', `
    create rate_milli=1000000 burst=100 max_active=2 call_ttl_ms=3000 grace_ms=0; join 9; tick; run 200; enter 1
    change max_active=1; pass 2 not-yet; run 12000 500; end 1; run 300; view serving=3`],
  ['a call that nobody answers runs out, is counted, and frees its slot', `
    create rate_milli=1000000 burst=100 max_active=4 call_ttl_ms=2000 grace_ms=1000; join 20; tick; run 200
    view serving=4 outstanding=4; enter 1; run 2400; view no_shows=3 serving=7..20 show_up_milli=0..499
    run 1500; pass 2 expired`],
  ['an extended call holds up nobody', `
    create rate_milli=1000000 burst=100 max_active=1 call_ttl_ms=10000 grace_ms=0; join 2; tick; run 100; view serving=1
    extend 1${' ok'.repeat(10)}; run 12000 500; view serving=2; enter 2; end 2; run 100; enter 1`],
  ['within the grace a late visitor comes in before those called later', `
    create rate_milli=1000000 burst=1 max_active=3 call_ttl_ms=2000 grace_ms=5000; join 20; tick; run 100
    view serving=3; enter 1; run 2300; view serving=5..20; enter 4 5; pass 2 not-yet; end 1; run 300; calls 0 0 0
    pass 3 not-yet; enter 2; tick; view active=3 admitted=4`],
  ['those who left while waiting are stepped over at no cost', `
    create rate_milli=10000 burst=1; join 200; tick; view serving=0; leave 2..91 ok same; tick; view waiting=110
    run 300; view serving=93 outstanding=3 waiting=107; pass 5 gone; enter 1 92 93`],
  ['a visitor who leaves after the call is not waited for', `
    create rate_milli=1000000 burst=10 max_active=2; join 9; tick; run 100; view serving=2
    leave 1; run 100; view serving=3; pass 1 gone`],
  ['a session without a heartbeat frees its slot by itself', `
    create max_active=1 session_ttl_ms=2000 rate_milli=1000000; join 3; tick; run 100; enter 1; run 1800
    view serving=1; run 400; view serving=2; redis HLEN ends = 0`],
  ['after end and after leave the place is used up',
    'create; join 2; tick; run 100; enter 1 2; end 1 ok same; leave 2 ok same; heartbeat 1 2 gone; pass 1 2 gone'],
  ...['sold-out', 'closed'].map((state) => [`${state} lets nobody new in, and keeps those inside`, `
    create; join 2; tick; run 100; enter 1; move ${state}; pass 2 wrong-state; answer state=${state}
    pass 1 same; heartbeat 1 ok; end 1 ok`]),
  ['time does not run against the called while the event is sold out', `
    create call_ttl_ms=5000 grace_ms=0; join 3; tick; run 1000; move sold-out; run 60000 1000; move open; run 3500
    view no_shows=0; enter 2; run 2000; pass 1 expired`],
  // The calls of a lane expired while the hall was empty.
  ['latecomers of a lane fill the free slots of an empty hall', `
    create rate_milli=10000 burst=4 max_active=2 call_ttl_ms=2000 grace_ms=60000 shares=30; front lane lane=1; join 2
    10 times: step 100, lane, tick, one, tick; lane; view serving=2; 25 times: step 100, lane, tick, one, tick
    one; join 2; 10 times: step 100, lane, tick, one, tick; enter 1 2; lane; pass 1 2 not-yet
    10 times: step 100, lane, tick, one, tick; end 1 2; 10 times: step 100, lane, tick, one, tick; lane; enter 1 2`],
  ['a lane that needs no calls leaves them to the others', `
    create rate_milli=10000 burst=1 shares=30; front fans lane=1; join 2; one; join 300; 200 times: step 100, one, tick, fans, tick
    view serving=2; one; view serving=195..198`],
  ['calls are spread evenly over the ticks of a second', `
    create rate_milli=55000 burst=100; join 1000; tick; run 2000; calls${' 5 6'.repeat(10)}`],
  ['a front that comes later learns all stretches that still matter', `
    create rate_milli=100000; join 500; tick; run 1000; view serving=100; front late; tick; is marks.upto=100
    view stretches.length=9..21; one; tick; view stretches.length=0`],
  ['a repeated pass is the same session', `
    create; join 1; tick; run 100; pass 1 ok; answer expiresMs={ms+60000} endsMs={ms+600000}
    step 1000; pass 1 same; answer expiresMs={ms+59000} endsMs={ms+599000}; tick; view admitted=1`],
  ['heartbeats keep a session up to its end and no further', `
    create session_ttl_ms=10000 session_max_ms=25000; join 1; tick; run 100; pass 1; answer endsMs={ms+25000}
    step 8000; heartbeat 1 ok; answer expiresMs={ms+10000}; step 8000; heartbeat 1 ok; answer expiresMs={ms+9000}
    step 8000; heartbeat 1 ok; answer expiresMs={ms+1000}; step 1000; heartbeat 1 expired; pass 1 expired
    tick; view active=0`],
  ['a visit ends with session_max_ms though it might be silent for longer', `
    create session_ttl_ms=20000 session_max_ms=2000; join 1; tick; run 100; pass 1 ok; answer expiresMs={ms+2000} endsMs={ms+2000}`],
  ['two fronts past opens_at open the event once', `
    create opens_at_ms={ms+500} in scheduled; front two; step 600; one; tick; view version=3 state=open
    two; tick; view version=3; redis XLEN audit = 3`],
]) test(name, () => runScript(clockwork, text));

// ---- rate ----

for (const fronts of [1, 2, 5]) {
  test(`${fronts} front(s) ticking out of step call exactly at the rate`, async () => {
    const one = await clockwork.front().create({ rate_milli: 33_333, burst: 1 });
    const all = [one];
    for (let i = 1; i < fronts; i += 1) all.push(new Front(clockwork, one.event));
    await one.join(1000);
    await one.tick();
    const start = clockwork.us;
    let turn = 0;
    while (clockwork.us - start < 10_000_000) {
      await clockwork.step(17 + ((turn * 7919) % 140) / fronts);
      await all[turn % fronts].tick();
      turn += 1;
      const { serving } = all[(turn - 1) % fronts].view;
      const due = ((clockwork.us - start) * 33_333) / 1e9;
      assert.ok(serving <= due && serving > due - 1 - 1e-9, `${serving} of ${due} at ${clockwork.us - start}`);
    }
  });
}

// ---- calls ----

test('a late visitor costs a token, so late ones do not exceed the rate', async () => {
  const line = await queued({ rate_milli: 2000, burst: 4, call_ttl_ms: 1000, grace_ms: 60_000 }, 8, 4000);
  assert.equal(line.view.serving, 8);
  await run(line, 1200); // all expired, and two tokens were saved
  const inside = async () => (await line.tick()).active;
  let entered = 0;
  for (let place = 1; place <= 8; place += 1) {
    if ((await line.pass(place)).outcome === OUTCOME.OK) entered += 1;
  }
  assert.ok(entered <= 4, `${entered} of 8 at once`);
  for (let half = 0; half < 12; half += 1) {
    await run(line, 500);
    for (let place = 1; place <= 8; place += 1) await line.pass(place);
    assert.ok((await inside()) <= entered + half + 1, `${await inside()} after ${half + 1} half seconds`);
  }
  assert.equal(await inside(), 8);
});

// Both lanes are owed a token that went to the general lane.
test('lanes are given no more tokens than there are, whatever they are owed', async () => {
  const shares = 30 + 20 * 128;
  const general = await clockwork.front().create({ rate_milli: 1000, burst: 1, shares });
  const lanes = [1, 2].map((lane) => new Front(clockwork, general.event, { id: `lane-${lane}`, lane }));
  const all = [general, ...lanes];
  for (const line of all) await line.join(10);
  for (const line of all) await line.tick();
  await clockwork.redis.command('HSET', general.key('lanes'), 'credit0', -1_400_000, 'credit1', 1_200_000, 'credit2', 1_200_000);
  for (let i = 0; i < 100; i += 1) {
    await clockwork.step(100);
    for (const line of all) await line.tick();
    const called = all.reduce((sum, line) => sum + line.view.serving, 0);
    assert.ok(called <= (i + 1) / 10, `${called} called by tick ${i}`);
  }
  assert.ok(lanes.every((line) => line.view.serving >= 1), 'they are given it later');
});

// A lane that skips many ghosts collects tokens for several ticks before it finds a visitor.
test('what a lane was given and has not used counts to the burst', async () => {
  const rate = 1, burst = 2;
  const general = await clockwork.front().create({ rate_milli: 1000 * rate, burst, shares: 30 });
  const lane = new Front(clockwork, general.event, { id: 'lane', lane: 1 });
  const { redis } = clockwork;
  for (const line of [general, lane]) await line.tick();
  await lane.join(50_010);
  await redis.command('SETRANGE', lane.key('nobody'), 6249, '\0');
  await redis.command('BITOP', 'NOT', lane.key('away:0'), lane.key('nobody'));
  await redis.command('HSET', lane.key('bucket'), 'ghosts_n', 49_999);
  const calls = [];
  for (let i = 0; i < 80; i += 1) {
    await clockwork.step(250);
    for (const line of [general, lane]) await line.tick();
    if (i === 12) await general.join(20);
    calls.push(general.view.serving + lane.view.serving - lane.view.ghosts[1]);
    calls.forEach((until, from) => {
      const most = rate * ((i - from) / 4 + 0.25) + burst;
      assert.ok(calls[i] - until <= most, `${calls[i] - until} in ${(i - from) / 4} s by tick ${i}`);
    });
  }
  assert.ok(lane.view.serving > 50_000 && general.view.serving > 0);
});

test('many no-shows: more are called than slots, and the hall stays full', async () => {
  const line = await clockwork.front().create({
    rate_milli: 200_000, burst: 10, max_active: 100, call_ttl_ms: 2000, grace_ms: 0,
    session_ttl_ms: 5000, session_max_ms: 5000,
  });
  for (let i = 0; i < 10; i += 1) await line.join(2000);
  await line.tick();
  let seen = 0;
  let low = Infinity;
  for (let tick = 0; tick < 400; tick += 1) {
    await run(line, 100);
    assert.ok(line.view.active <= 100);
    for (; seen < line.view.serving; seen += 1) {
      if ((seen * 7) % 10 < 6) continue; // six of ten never come
      await line.pass(seen + 1);
    }
    if (tick > 200) low = Math.min(low, line.view.active);
  }
  assert.ok(Math.abs(line.view.show_up_milli - 400) < 60, `${line.view.show_up_milli}`);
  assert.ok(low >= 70, `${low} of 100 slots used`);
});

test('a desert of ten thousand left places is crossed by the next tick', async () => {
  const line = await clockwork.front().create({ rate_milli: 10_000, burst: 1 });
  await line.join(12_000);
  await line.tick();
  await clockwork.redis.command('EVAL', "redis.call('SETRANGE', KEYS[1], 0, string.rep('\\255', 1251))",
    1, line.key('gone'));
  await clockwork.redis.command('HSET', line.key('bucket'), 'left_n', 10_007);
  await run(line, 200);
  assert.equal(line.view.outstanding, 2);
  assert.equal(line.view.serving, 10_009);
});

test('neighbouring calls share a stretch, so their number stays bounded', async () => {
  const line = await queued({ rate_milli: 100_000, call_ttl_ms: 2_048_000, grace_ms: 0 }, 10_000, 20_000);
  const stretches = await clockwork.redis.command('ZRANGE', line.key('hist'), 0, -1);
  assert.ok(stretches.length <= 21, `${stretches.length}`);
  for (const stretch of stretches) {
    const [, called, expires] = stretch.split(':').map(Number);
    assert.ok(expires - called >= 2_048_000, stretch);
  }
});

test('a shorter call_ttl takes nothing from those who are called already', async () => {
  const knobs = { rate_milli: 100_000, call_ttl_ms: 400_000, grace_ms: 0 };
  const line = await clockwork.front().create(knobs);
  await line.join(100);
  await line.tick();
  await run(line, 50, 50);
  const promised = Number(line.view.stretches[0].split(':')[2]);
  await line.change({ ...knobs, call_ttl_ms: 1000 });
  await run(line, 50, 50);
  const found = line.view.stretches.map((stretch) => stretch.split(':').map(Number));
  assert.deepEqual(found.map(([upto, , expires]) => [upto, expires]), [[10, promised]], 'one stretch');
});

// ---- sessions ----

// An extended call, and many retries at the door of a full hall: every visitor gets the whole remaining time back, and Redis
// runs as many commands for a thousand as for ten.
test('a resumed line returns the paused time to every call', async () => {
  const cost = async (people) => {
    const line = await clockwork.front().create({ call_ttl_ms: 5000, grace_ms: 0, max_active: 1, rate_milli: 10_000_000, burst: 10_000 });
    await line.join(people);
    await line.change({ call_ttl_ms: 5000, grace_ms: 0, max_active: 0, rate_milli: 10_000_000, burst: 10_000 });
    await line.tick();
    await run(line, 300);
    assert.equal(line.view.serving, people);
    await line.change({ call_ttl_ms: 5000, grace_ms: 0, max_active: 1, rate_milli: 10_000_000, burst: 10_000 });
    await enter(line, 1);
    for (let place = 2; place <= people; place += 1) {
      assert.equal((await line.visit('extend', place)).outcome, OUTCOME.OK);
      if (place % 2 === 1) assert.equal((await line.pass(place)).outcome, OUTCOME.NOT_YET);
    }
    const ends = (await line.visit('extend', 2)).expiresMs;
    await line.move(STATE.OPEN, STATE.SOLD_OUT);
    await run(line, 60_000, 1000);
    assert.equal(line.view.stood_ms, 60_000, 'fronts see the pause grow');
    const stretches = await clockwork.redis.command('ZCARD', line.key('hist')); // at most 4,096 exist
    const asked = await clockwork.commandsOf(() => line.move(STATE.SOLD_OUT, STATE.OPEN));
    await run(line, 500);
    assert.equal(line.view.stood_ms, 60_000);
    assert.equal(await clockwork.redis.command('ZCARD', line.key('door')), Math.ceil(people / 2) - 1);
    assert.equal((await line.visit('extend', 2)).expiresMs, ends + 60_000 + 5000);
    await run(line, 11_000, 500); // they have not retried since
    for (let i = 0; i < people / 100; i += 1) await run(line, 100);
    assert.equal(await clockwork.redis.command('ZCARD', line.key('door')), 0);
    return asked - 2 * stretches;
  };
  const few = await cost(10);
  assert.equal(await cost(1001), few);
});

// ---- the operator and the clock ----

// A time below zero would stay in Redis, since no front reads an answer with one.
test('a small clock step in a pause takes no time from a call', async () => {
  const line = await queued({ call_ttl_ms: 20_000 }, 2, 500);
  const ends = async () => (await clockwork.redis.command('ZRANGE', line.key('hist'), 0, -1)).map((text) => Number(text.split(':')[2]));
  const before_ = await ends();
  assert.ok(before_.length > 0);
  await line.move(STATE.OPEN, STATE.SOLD_OUT);
  await clockwork.step(-3000);
  await line.move(STATE.SOLD_OUT, STATE.OPEN);
  await line.tick();
  assert.equal(line.view.stood_ms, 0);
  assert.deepEqual(await ends(), before_);
});

test('an event opens its pre-queue and closes its entries on time', async () => {
  const at = clockwork.ms;
  const knobs = { prequeue_at_ms: at + 1000, opens_at_ms: at + 2000, rate_milli: 50_000 };
  const line = await clockwork.front().create(knobs, STATE.SCHEDULED);
  assert.equal((await line.tick()).state, STATE.SCHEDULED);
  await run(line, 1000);
  assert.equal(line.view.state, STATE.PRE_QUEUE);
  await line.join(30);
  await run(line, 900);
  assert.equal(line.view.serving, 0);
  const { version } = line.view;
  await run(line, 100);
  assert.equal(line.view.state, STATE.PRE_QUEUE, 'its entries are closed, and a front has to draw');
  assert.equal(line.view.version, version + 1);
  await line.join(5);
  await line.move(STATE.PRE_QUEUE, STATE.OPEN);
  const found = await clockwork.redis.command('HMGET', line.key('cfg'), 'closed', 'entries', 'seed');
  assert.deepEqual(found, ['30', '30', '5e'.repeat(32)], 'an entry after the closing is behind the draw');
  await run(line, 200);
  assert.equal(line.view.serving, 10);
  const trail = await clockwork.redis.command('XREVRANGE', line.key('audit'), '+', '-');
  const whos = trail.map(([, fields]) => JSON.parse(fields[1]));
  assert.deepEqual(whos.map((entry) => entry.to ?? entry.who),
    ['test', { entries: 30 }, 'pre-queue', 'test', 'test']);
  assert.equal(whos[1].who, 'system');
  assert.equal(whos[2].from, 'scheduled');
});

test('an unknown event cannot be changed', async () => {
  const line = clockwork.front();
  assert.equal((await line.change({})).outcome, OUTCOME.UNKNOWN);
});

test('the series keeps the whole sale at a bounded size', async () => {
  const line = await clockwork.front().create({ rate_milli: 1000 });
  await line.join(10);
  await line.tick();
  await run(line, 5000, 250);
  const samples = async () => clockwork.redis.command('LRANGE', line.key('series'), 0, -1);
  assert.equal((await samples()).length, 6);
  const start = (await samples())[0];
  await clockwork.redis.command('EVAL',
    "for i = 1, 4089 do redis.call('RPUSH', KEYS[1], i .. ':0:0:0:0:0:0:0:0') end", 1, line.key('series'));
  await run(line, 1000);
  const thinned = await samples();
  assert.equal(thinned.length, 2048);
  assert.notEqual(thinned[0], start);
  await run(line, 2000, 250);
  assert.equal((await samples()).length, 2049, 'and the step has doubled');
});
