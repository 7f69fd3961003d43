// heal.lua: Redis came back empty, or with less than it had told. Loss is played by deleting keys
// and naming another run, so that each case is exact; tests/unit/queue-front/line/line_store_test.c does
// it with kill -9 under load.

import assert from 'node:assert/strict';
import test from 'node:test';
import { numbersOf } from '../../lib-js/wire.js';
import { Clockwork, Front, KNOBS, OUTCOME, STATE, TURN } from './line.js';
import { pairsOf, runScript } from './script.js';

const { CLOCK_DOUBT_MS } = numbersOf();
let runs = 1;
const clockwork = await Clockwork.open(test);

// Two fronts on one event with some history: 40 places, 20 called, 5 inside.
async function running(knobs = {}) {
  const one = clockwork.front({ id: 'front-1' });
  const two = new Front(clockwork, one.event, { id: 'front-2' });
  await one.create({ rate_milli: 100_000, burst: 1, ...knobs });
  await one.join(40);
  await one.tick();
  for (let i = 0; i < 2; i += 1) {
    await clockwork.step(100);
    await one.tick();
  }
  for (let place = 1; place <= 5; place += 1) await one.pass(place);
  await one.tick();
  await two.tick();
  return [one, two];
}

async function wipe(fronts) {
  const keys = await clockwork.redis.command('KEYS', fronts[0].key('*'));
  await clockwork.redis.command('DEL', ...keys);
  restart(fronts);
}

// Saves the event's current state, to restore it later: a replica that has got no further.
async function replica(fronts) {
  const { redis } = clockwork;
  const keys = await redis.command('KEYS', fronts[0].key('*'));
  for (const key of keys) await redis.command('COPY', key, `replica:${key}`, 'REPLACE');
  return async () => {
    await wipe(fronts);
    for (const key of keys) await redis.command('RENAME', `replica:${key}`, key);
  };
}

function restart(fronts) {
  const run = `run-${(runs += 1)}`;
  for (const front of fronts) front.runId = run;
}

async function lose(one, two) {
  await wipe([one, two]);
  await healAll(one, two);
}

async function healAll(...fronts) {
  for (const front of fronts) assert.equal((await front.heal()).outcome, OUTCOME.HEAL);
  await clockwork.step(1001);
  for (const front of fronts) assert.equal((await front.heal()).outcome, OUTCOME.OK);
}

// running KNOB=...; wipe; restart; heal; copy; back: of both fronts, or of those that are named. mend OUTCOME; forget: of the one that acts.
const frontsOf = ({ fronts }, names) => (names.length > 0 ? names.map((name) => fronts[name]) : Object.values(fronts));
const VERBS = {
  async running(script, words) {
    script.knobs = { rate_milli: 100_000, burst: 1, ...pairsOf(words) };
    script.state = 'open';
    const [one, two] = await running(script.knobs);
    Object.assign(script, { fronts: { one, two }, line: one, event: one.event });
  },
  wipe: (script, words) => wipe(frontsOf(script, words)),
  restart: (script, words) => restart(frontsOf(script, words)),
  heal: (script, words) => healAll(...frontsOf(script, words)),
  async mend(script, [outcome]) {
    script.answer = await script.line.heal();
    assert.equal(script.answer.outcome, OUTCOME[outcome.replace('-', '_').toUpperCase()]);
  },
  forget: ({ line }) => line.forget(),
  async copy(script) {
    script.goBack = await replica(frontsOf(script, []));
  },
  back: ({ goBack }) => goBack(),
  // until a: to the end that this pass shows
  until: ({ kept }, [name]) => clockwork.step(kept[name].shownMs - clockwork.ms),
  // Fronts reject an answer with a negative number, and with it all news of the line.
  async outstanding({ line }, [most]) {
    const [called, came] = await clockwork.redis.command('HMGET', line.key('bucket'), 'called_n', 'came_n');
    assert.equal(line.view.outstanding, called - came);
    assert.ok(line.view.outstanding <= Number(most), `${line.view.outstanding}, at most ${most}`);
  },
};

// Of twenty called visitors five are inside and two retry at the door without a free slot. Then all calls expire.
const lateAtTheDoor = (loss) => `
  running call_ttl_ms=1000 grace_ms=10000; change max_active=5; pass 6 7 not-yet; step 1500
  tick; view outstanding=0; two; tick; view outstanding=0; one; pass 6 7 not-yet
  ${loss}; heal; one; change max_active=0 rate_milli=0`;

// The visits of 1, 2 and 3 were extended by half a minute. The replica lacks that, as do all fronts except one that is gone,
// and their original time is over. Visits now last only a second, so the heal does not make up for it.
const renewalsLost = (knobs) => `
  running session_ttl_ms=60000 ${knobs}; front gone; tick; one; copy; step 30000
  gone; heartbeat 1 ok; keep a; heartbeat 2 ok; keep b; heartbeat 3 ok; keep c
  one; change session_ttl_ms=1000; tick; two; tick; back; heal one two; step 30000; one`;

const HOUR_MS = 3_600_000;
const OPENED_ALONE_MS = 63_350_575_199_999; // LINE_MS_MAX
const JUMPS = [['forward', HOUR_MS], ['back', -HOUR_MS]];
// The clock as it was before it jumped.
const unjumped = (jumpMs, ms = 0) => `{ms${ms >= jumpMs ? '+' : ''}${ms - jumpMs}}`;

for (const [name, text] of [
  ['a wipe restores the counters of the fronts plus a gap', `
    running; change max_active=77; tick; view version=3; wipe; heal; tick
    view issued=140 gaps.3=100 serving=20 version=3 state=open admitted=5; redis HGET cfg max_active = 77; redis EXISTS heal = 0
    two; join 1 = 141`],
  ['the highest marks of all fronts win in any order',
    'running; two; join 7; one; tick; knows issued=40; wipe; heal; join 1 = 148'],
  ['the highest version wins, whichever front brings it',
    'running; two; change burst=9; tick; view version=3; wipe; heal; one; tick; view version=3; redis HGET cfg burst = 9'],
  ['data newer than all fronts saw are kept: only what is lower is raised',
    'running; front third; join 10; restart one two; heal one two; one; join 1 = 151'],
  ['a late front with higher marks raises the counters', `
    running; two; knows issued=500 serving=30; wipe; heal one; one; join 1 = 141
    two; tick heal; mend ok; join 1 = 601; tick; view serving=30..999`],
  ['a ticket from beyond the counter stops the line until it is raised',
    'running; pass 45 heal; knows issued=45; join 1 = heal; mend ok; join 1 = 146'],
  ['a healed freeze knows what it froze, and not what was frozen before', `
    running; move frozen; tick; wipe; heal; one; tick; redis HGET cfg frozen_from = ${STATE.OPEN}
    move open; move paused; copy; move frozen; tick; back; heal; one; tick; redis HGET cfg frozen_from = ${STATE.PAUSED}`],
  ['a line opened without a hall calls people, also after a wipe, until a hall is seen or it is opened with one', `
    create rate_milli=100000 in draft; front late; one; move open hallUntilMs=${OPENED_ALONE_MS}; set served=3; join 1; run 9000 1000; view halted_ms=0 serving=1
    wipe; heal; join 1; run 9000 1000; view halted_ms=0 serving=102; set served=4; run 1000; set served=3; run 9000 1000; view halted_ms=1..9999999999999
    move paused; move open hallUntilMs=${OPENED_ALONE_MS}; run 9000 1000; view halted_ms=0; late; tick; one
    move closed; move open hallUntilMs=1; tick; wipe; heal; run 9000 1000; view halted_ms=1..9999999999999`],
  ['a gap of a lane is no joins, even in the slot of a tick before it', `
    create rate_milli=0 shares=30; front lane lane=1; join 40; tick; front two lane=1 slotMs=50; tick
    lane; tick; knows issued=45; mend ok; two; tick; view issued=145 waiting=45 gaps.0=100 gaps.3=105`],
  ['an expired call stays expired',
    'running call_ttl_ms=1000 grace_ms=500; step 2000; 3 times: tick; view dead=20..999; wipe; heal; pass 7 expired'],
  ['passes that no tick has told yet count as taken slots',
    'running max_active=12; pass 6 7; two; pass 8..10; wipe; heal; one; tick; view active=10'],
  ['no more are believed to have been inside than Redis may have lost',
    'running max_active=20 session_ttl_ms=10000; copy; pass 6..8; tick; back; heal; heartbeat 6..13 ok; heartbeat 14 expired'],
  ['a completed order ends a lost session',
    'running max_active=20; wipe; heal; end 3 ok same; tick; view active=4'],
  ['new calls go on after a wipe',
    'running max_active=25 call_ttl_ms=60000; wipe; heal; run 500; view serving=25 outstanding=20'],
  ['numbers that a version before left in Redis stop no front',
    'running; redis HSET bucket called_n 3 came_n 5; tick; view outstanding=0'],
  ['until the window closes nothing is given out, called or changed', `
    running; wipe; join 1 = heal; pass 6 heal; tick heal; mend heal; join 1 = heal
    two; tick heal; mend heal; answer waitMs=1..1000`],
  ['a clock set back does not extend the window of a heal', `
    running; wipe; mend heal; step -500000; two; mend heal; answer waitMs=0..1000
    step 1000; mend ok; tick; view serving=20..999`],
  ['a tick of the event does nothing to a lane that is yet to be healed', `
    create rate_milli=100000 burst=1 shares=30; front lane lane=1; join 1; 10 times: step 100, one, tick, lane, tick
    view serving=1; restart one lane; step ${KNOBS.call_ttl_ms + KNOBS.grace_ms + 1}; heal one; one; tick
    heal lane; lane; pass 1 ok`],
  ['a draw after a heal clears the gap of a lane', `
    create rate_milli=0 shares=30 in pre-queue; front lane lane=1; join 50; one; tick; lane; tick
    wipe one lane; heal one; heal lane; one; move open; tick; lane; tick; view waiting=150 gaps.2=`],
  ...['open', 'pre-queue'].map((state) => [`a gap takes no room in a line with line_max: ${state}`, `
    create line_max=50 rate_milli=0 in ${state}; join 40; tick; wipe; heal; tick
    join 20 = 141..150${' full'.repeat(10)}`]),
  ['one front left is enough, and a front that knows nothing does no harm', `
    running; wipe; two; forget; mend heal; one; mend heal; step 1001; two; mend ok; tick; view issued=140`],
  ['lost sessions hold their slots until a heartbeat or their end', `
    running max_active=20 session_ttl_ms=10000; wipe; heal; tick; view active=5
    heartbeat 1 endsMs={ms+15000} ok; answer endsMs={ms+15000}; heartbeat 2 endsMs={ms+15000} ok; answer endsMs={ms+15000}
    heartbeat 3 endsMs={ms+15000} ok; answer endsMs={ms+15000}; tick; view active=5; pass 6..20 ok
    9 times: step 1000, heartbeat 1..3, heartbeat 6..20
    heartbeat 4 ok; step 2000; heartbeat 5 expired`],
  ['a pass that a picture does not show counts as a taken slot', `
    running max_active=12; set slotMs=50; two; set slotMs=50; step 100; one; tick; two; pass 6 7; end 1; tick; view active=6
    wipe; heal; one; tick; view active=6`],
  // In Redis the sessions of 1 and 2 expire after 4 s, but not before 6 and 7 can be heard; after 10 s they are over.
  ['a visit newer than a replica keeps its slot', `
    running max_active=5 session_ttl_ms=10000; copy; end 1 2; step 100; tick; two; pass 6 ok; one; step 100; tick
    two; pass 7 ok; one; step 7000; heartbeat 3..7; tick; back; heal; step 4100; tick; two; pass 8 not-yet
    one; heartbeat 3..7 ok; step 6100; tick; two; pass 8 not-yet; one; tick; view active=5
    end 6; step 100; tick; two; pass 8 ok`],
  // Redis loses five visits, whose visitors are silent. Their slots stay taken until the time in their passes.
  ...[['until the promised end', 'change session_ttl_ms=1000', 8], ['after a small clock step', 'step -4000', 12]]
    .map(([when, meanwhile, seconds]) => [`lost visits hold their slots ${when}`, `
    running max_active=5 session_ttl_ms=10000; two; end 1..5; copy
    ${[6, 7, 8, 9, 10].map((place) => `step 100; one; tick; two; pass ${place} ok`).join('; ')}; one; ${meanwhile}; tick
    two; tick; back; heal; ${seconds} times: step 100, one, tick, two, pass 11 not-yet, step 900
    step 1100; one; tick; two; pass 11 ok`]),
  ...[['end', TURN.ENDED], ['leave', TURN.ENDED], ['done', TURN.DONE]].flatMap(([call, turn]) => [
    [`a pass does not restart an ended visit after a wipe: ${call}`, `
      running; heartbeat 1; keep a; ${call} 1 ok; tick; two; tick; wipe; heal; one; heartbeat 1 by=a turn=${turn} ended=1 gone
      two; heartbeat 1 by=a gone; one; ${call} 1 turn=${turn} ended=1 same; tick; view active=4`],
    [`a pass does not restart an ended visit after a rollback: ${call}`, `
      running; copy; heartbeat 1; keep a; ${call} 1 ok; back; heal; tick; view active=5
      heartbeat 1 by=a turn=${turn} ended=1 gone; tick; view active=4`],
  ]),
  // All called visitors get a new window that ends no earlier than the shown one, a minute after the call.
  ...[['though calls are shorter now', 'change call_ttl_ms=1000', 57], ['after a small clock step', 'step -4000', 61]]
    .map(([why, meanwhile, seconds]) => [`a lost call keeps its shown end ${why}`, `
    running call_ttl_ms=60000 grace_ms=0; ${meanwhile}; tick; two; tick; wipe; heal; one; run ${seconds}000 1000; pass 6 ok`]),
  ['a visit that no front knows goes on by its pass', `
    running max_active=5; end 1..5; tick; copy; two; pass 6; keep a; back; two; forget; heal one
    one; heartbeat 6 expired; heartbeat 6 by=a ok; tick; view active=1`],
  ['an expired visit is over, and so is its pass',
    'running session_ttl_ms=10000; step 300; heartbeat 1; keep a; step 10000; heartbeat 1 by=a expired'],
  ...['heartbeat', 'end'].map((call) => [`a visit that began before the loss is not counted once more: ${call}`, `
    running call_ttl_ms=60000; wipe; heal; one; change rate_milli=0; tick; view outstanding=15; ${call} 1..5 ok
    tick; view outstanding=15; pass 6..20 ok; tick; view outstanding=0`]),
  ['an event that nobody knows is not made up', 'running; wipe one; forget; mend heal; step 1001; mend unknown; redis KEYS * = none'],
  ['a lost heal is repeated with a larger gap', `
    running; copy; back; copy; heal; one; join 10 = 141..150; back; front fresh; restart; heal fresh; tick; view issued=150..9999`],
  // The first gap is twice 100, since no front remembers a place.
  ['two losses before an opening without a draw leave nobody to be called', `
    create rate_milli=4000 burst=1 in scheduled; tick; wipe; heal; tick; view issued=200; wipe; heal; tick; view issued=300 gaps.2=1:300
    move open; join 1 = 301; tick; view waiting=1 gaps.0=300; step 250; tick; view serving=301 outstanding=1 gaps.1=300 gaps.2=`],
  // Only one front has seen the first gap.
  ['a second loss forgets no gap of the first, nor who showed a place of it', `
    running; wipe; heal; one; tick; join 5 = 141..145; tick; wipe; heal; one; tick
    view issued=245 serving=20 waiting=25 ghosts.2=200 gaps.0=200 gaps.2=41:140,146:245
    pass 50 not-yet; tick; copy; back; heal; one; tick; view issued=345 waiting=26 gaps.0=299 gaps.2=41:140,146:345`],
  ['a visitor at the door of a healed line is called again', `
    ${lateAtTheDoor('restart')}; tick; view outstanding=2; pass 6 ok; tick; view outstanding=1; pass 7 ok; tick; view outstanding=0`],
  ...['restart', 'wipe'].flatMap((loss) => ['pass', 'leave', 'end'].map((call) => [`no more come than were called: ${call} after ${loss}`, `
    ${lateAtTheDoor(loss)}; ${Array.from({ length: 20 }, (_, i) => `${call} ${i + 1}; tick; outstanding ${19 - i}`).join('; ')}`])),
  ...JUMPS.flatMap(([name, jumpMs]) => [
    [`a takeover with a clock an hour ${name} ends no call or session`, `
      running max_active=50; pass 6 ok; tick; view active=6; restart; step ${jumpMs}; set expectedMs=${unjumped(jumpMs, 300)}
      two; set expectedMs=${unjumped(jumpMs, 300 - 60_000)}; heal; one; set expectedMs=${unjumped(jumpMs, 299)}; tick
      view now_ms=${unjumped(jumpMs, 300)} active=6; heartbeat 6 ok; pass 7 ok`],
    [`a new front does not trust a clock that jumped ${name}`, `
      running; front fresh waitedMs=0; tick; one; set expectedMs={ms+0}; step ${jumpMs}; fresh; forget
      ${[0, 500, CLOCK_DOUBT_MS - 1].map((waitedMs) => `set waitedMs=${waitedMs}; tick not-yet`).join('; ')}; one; tick heal; mend ok
      fresh; tick; view now_ms=${unjumped(jumpMs)}; one; tick; view now_ms=${unjumped(jumpMs)}`],
    [`a new front alone trusts a clock that jumped ${name}`, `
      running; step ${jumpMs}; front fresh waitedMs=0; tick not-yet; set waitedMs=${CLOCK_DOUBT_MS}; tick; view now_ms={ms+0}
      forget; set waitedMs=0; tick`],
    [`new fronts do not heal by a clock that jumped ${name}`, `
      running; front fresh waitedMs=0; restart one fresh; one; set expectedMs={ms+0}; step ${jumpMs}; fresh; mend heal; step 1001
      set waitedMs=${CLOCK_DOUBT_MS - 1}; mend not-yet; one; set expectedMs=${unjumped(jumpMs)}; mend ok; fresh; tick
      view now_ms=${unjumped(jumpMs)}; restart one fresh; step ${jumpMs}; forget; set waitedMs=${CLOCK_DOUBT_MS}; heal fresh; tick
      view now_ms=${unjumped(jumpMs)}`],
  ]),
  ['every open call gets a new window', `
    running call_ttl_ms=5000 grace_ms=1000; wipe; step 60000; heal; one; pass 20 ok; tick
    view stretches.length=1; is marks.upto=20 callsUntilMs={ms+5000}`],
  ['a lost extension does not shorten a visit', `
    ${renewalsLost('max_active=5')}; tick; view active=0; heartbeat 1 expired; heartbeat 1 by=a ok; answer expiresMs={a.shownMs} endsMs={a.endsMs}
    heartbeat 1; answer expiresMs={a.shownMs}; tick; view active=1; pass 6..9 ok; pass 10 not-yet; until a; heartbeat 1 by=a expired`],
  ['an extended visit that was ended stays over', `
    ${renewalsLost('')}; end 1 ok; heartbeat 2 by=b ok; done 2 ok; leave 3 ok
    heartbeat 1 by=a gone; heartbeat 2 by=b gone; heartbeat 3 by=c gone`],
  ['a pass restarts a visit that the clock ended after a rollback', `
    ${renewalsLost('')}; heartbeat 1 by=a turn=${TURN.ENDED} ok; answer expiresMs={a.shownMs}`],
  // Finally the window that the heal gave to all others is over.
  ['an extended call keeps its shown end after a loss', `
    running call_ttl_ms=10000 grace_ms=0; move sold-out; step 5000; tick; move open; step 5000; tick; view stood_ms=5000
    extend 6 ok ok ok; keep a; wipe; heal; one; tick; view stood_ms=5000; run 20000 1000; pass 7 expired
    extend 6 keptMs={a.expiresMs-5000} times=3 ok; answer expiresMs={a.expiresMs+10000}
    extend 6 keptMs={a.expiresMs-5000} times=10 exhausted; pass 6 keptMs={a.expiresMs-5000} times=3 ok`],
  ['a new front trusts the clock of a closed and empty event', `
    running; move closed; tick; step ${HOUR_MS}; front fresh waitedMs=0; tick not-yet; one; tick
    step ${HOUR_MS}; front newest waitedMs=0; tick`],
]) test(name, () => runScript(clockwork, text, VERBS));

test('a healed line knows at once which places have moved', async () => {
  const [one, two] = await running();
  two.moved = [[6, 1], [7, 2]];
  await lose(one, two);
  for (const [place, moves, expected] of [[6, 0, OUTCOME.MOVED], [7, 1, OUTCOME.MOVED], [6, 1, OUTCOME.OK], [8, 0, OUTCOME.OK]])
    assert.equal((await one.visit('pass', place, { entry: place, moves })).outcome, expected, `${place} by move ${moves}`);
});

test('a measured show-up ratio and service rate survive the loss', async () => {
  const [one, two] = await running();
  one.view.show_up_milli = 640; // the other one has measured nothing yet
  for (const front of [one, two]) front.view.service_rate_milli = 81_000;
  await lose(one, two);
  const view = await one.tick();
  assert.equal(view.show_up_milli, 640);
  assert.equal(view.service_rate_milli, 81_000);
});

// One sample per second: places skipped by heals do not count as joins, also where only the counter was raised, and once the
// places were skipped.
test('the gap of one heal does not make that of the next larger', async () => {
  const [one, two] = await running({ max_active: 0 });
  const series = async (seconds) => {
    for (let i = 0; i < seconds; i += 1) {
      await clockwork.step(1000);
      await one.join(300);
      await one.tick();
    }
  };
  const gapOf = async (heal) => {
    const { issued } = await one.tick();
    await heal();
    const gap = (await one.tick()).issued - issued;
    await two.tick();
    return gap;
  };
  const raise = async () => {
    assert.equal((await one.pass(one.marks.issued + 1)).outcome, OUTCOME.HEAL);
    one.marks.issued += 1;
    assert.equal((await one.heal()).outcome, OUTCOME.OK);
  };
  const restarted = async () => {
    restart([one, two]);
    await healAll(one, two);
  };
  await series(3);
  assert.equal(await gapOf(restarted), 600);
  await series(2);
  assert.equal(await gapOf(restarted), 600);
  await series(1);
  assert.equal(await gapOf(raise), 601);
  await series(2);
  assert.equal(await gapOf(raise), 601);
});

test('the trail tells that the line was healed', async () => {
  const [one, two] = await running();
  await lose(one, two);
  const [[, fields]] = await clockwork.redis.command('XREVRANGE', one.key('audit'), '+', '-', 'COUNT', '1');
  assert.deepEqual(JSON.parse(fields[1]), {
    who: 'system', what: 'heal', from: null, to: { issued: 140, serving: 20 },
    why: 'redis lost or rolled back',
    because: { reason: 'store-lost', measured: null, limit: null },
  });
});

for (const [name, jumpMs] of JUMPS) {
  test(`a clock jump of an hour ${name} ends no call or session`, async () => {
    const [one] = await running({ max_active: 50 });
    assert.equal((await one.pass(6)).outcome, OUTCOME.OK);
    const before = await one.tick();
    const fronts = [one, new Front(clockwork, `opens-${name}`)];
    const [, gate] = fronts;
    await gate.create({ opens_at_ms: clockwork.ms + HOUR_MS / 2 }, STATE.SCHEDULED);
    await gate.tick();
    for (const front of fronts) front.expectedMs = clockwork.ms;
    await clockwork.step(jumpMs);
    assert.equal((await one.visit('heartbeat', 6)).outcome, OUTCOME.HEAL);
    assert.equal((await one.join(1)).outcome, OUTCOME.HEAL);
    for (const front of fronts) {
      assert.equal((await front.tick()).outcome, OUTCOME.HEAL);
      assert.equal((await front.heal()).outcome, OUTCOME.OK);
    }
    const after = await one.tick();
    assert.equal(after.now_ms, before.now_ms);
    const hour = (off) => (off ? HOUR_MS : 0);
    assert.deepEqual([after.clock_ahead_ms, after.clock_behind_ms], [hour(jumpMs > 0), hour(jumpMs < 0)]);
    assert.deepEqual([after.active, after.outstanding, after.no_shows], [before.active, before.outstanding, before.no_shows]);
    assert.equal((await one.visit('heartbeat', 6)).outcome, OUTCOME.OK);
    assert.equal((await one.pass(7)).outcome, OUTCOME.OK);
    assert.equal((await gate.tick()).state, STATE.SCHEDULED);
    await clockwork.step(HOUR_MS / 2 + 100);
    for (const front of fronts) front.expectedMs += HOUR_MS / 2;
    assert.equal((await gate.tick()).state, STATE.OPEN);
    const [entry] = await one.clockwork.redis.command('XREVRANGE', one.key('audit'), '+', '-', 'COUNT', 1);
    assert.deepEqual(JSON.parse(entry[1][1]).because, {
      reason: jumpMs > 0 ? 'clock-ahead' : 'clock-behind', measured: HOUR_MS, limit: 5000,
    });
  });

  test(`the offset that a jump of an hour ${name} leaves goes back to 0 slowly`, async () => {
    const [one, two] = await running();
    await one.tick();
    for (const front of [one, two]) front.expectedMs = clockwork.ms;
    await clockwork.step(jumpMs);
    await one.tick();
    assert.equal((await one.heal()).outcome, OUTCOME.OK);
    const offMs = async (front) => {
      const seen = await front.tick();
      assert.equal(seen.outcome, OUTCOME.OK);
      return [seen.clock_ahead_ms + seen.clock_behind_ms, seen.now_ms];
    };
    const [wasMs, fromMs] = await offMs(one);
    for (let tick = 1; tick <= 200; tick += 1) {
      await clockwork.step(100);
      for (const front of [one, two]) front.expectedMs += 100;
      const [leftMs, nowMs] = await offMs(tick % 2 ? one : two);
      const slewMs = Math.sign(jumpMs) * 0.5 * tick;
      assert.ok(Math.abs(wasMs - leftMs - 0.5 * tick) <= 1, `${leftMs} ms after ${tick} ticks`);
      assert.ok(Math.abs(nowMs - fromMs - 100 * tick - slewMs) <= 1, `${nowMs - fromMs} ms went by in ${tick} ticks`);
    }
    await clockwork.step(1_000_000);
    for (const front of [one, two]) front.expectedMs += 1_000_000;
    assert.ok((await offMs(one))[0] >= wasMs - 107, 'no more than a second of it at once');
  });
}
