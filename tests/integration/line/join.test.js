// join.lua: places are given out once, in order, and to nobody who may not have one.

import assert from 'node:assert/strict';
import test from 'node:test';
import { numbersOf } from '../../lib-js/wire.js';
import { Clockwork, Front, OUTCOME, STATE, upTo } from './line.js';
import { FULL, runScript } from './script.js';

const { WORK_SPENT, WORK_MINUTES } = numbersOf();

const clockwork = await Clockwork.open(test);

for (const [name, text] of [
  ['places are consecutive over calls and fronts',
    'create; join 3 = 1..3; front two; join 5 = 4..8; one; join 1 = 9; two; join 4 = 10..13'],
  ['a key that was used before gets its place again and uses up none',
    'create; join a b @ = 1 2 3; join b c a = 2* 4 1*; join 1 = 5'],
  ['a key twice in one call is one place', 'create; join a a b = 1 1* 2'],
  ['an address is counted over single joins and crowds alike', `
    create joins_per_ip_per_min=4; join @1.1.1.1 = 1; join @1.1.1.1 @2.2.2.2 @1.1.1.1 = 2 3 4; join 1 = 5
    join @1.1.1.1 = 6; join @2.2.2.2 @1.1.1.1 @2.2.2.2 = 7 0 8; join @1.1.1.1 = 0; redis HVALS ip:{minute} = 6 3
    redis PTTL ip:{minute} = 1..120000`],
  ['a repeated key works beyond the limit of its address', `
    create joins_per_ip_per_min=2; join a@home; 5 times: join a@home = 1*
    join b@home = 2; join c@home = 0; join a@home = 1*`],
  ['a key that was limited is not remembered',
    'create joins_per_ip_per_min=1; join a@home b@home = 1 0; step 60000; join b@home = 2'],
  ['a join rejected by a full line is not counted or stored',
    'create line_max=1 joins_per_ip_per_min=2; join a@home; 5 times: join b@home = full; change line_max=2; join b@home = 2'],
  ['entries before the draw fill a line, and leaving makes room',
    'create line_max=2 in pre-queue; join 3 = 1 2 full; leave 1; join 2 = 3 full'],
  ['each lane has a length of its own',
    'create line_max=2 shares=30; tick; join 3 = 1 2 full; front fans lane=1; tick; join 3 = 1 2 full'],
  ['sold out refuses joins; opened again, everybody has the place they had',
    'create; join a b; move sold-out; join c = wrong-state; move open; join c b = 3 2*'],
  ['a counter behind what the front has seen gives out nothing', 'create; join 5; redis SET seq 4; join 1 = heal'],
  ['a full line accepts no join until a place is called or left', `
    create line_max=3 rate_milli=1000 burst=1; join a b c d @ = 1 2 3 full full; join d b = full 2*; leave 3; join d @ = 4 full
    tick; run 1200; view serving=1; join 9 = 5${' full'.repeat(8)}; tick; view waiting=3; change line_max=0; join 50 = 6..55`],
]) test(name, () => runScript(clockwork, text));

test('a key whose place has ended gets the next one, once', async () => {
  const line = await clockwork.front().create({ joins_per_ip_per_min: 4 });
  const after = (over) => ({ key: 'a', over, ip: '1.1.1.1' });
  assert.deepEqual((await line.join([{ key: 'a', ip: '1.1.1.1' }])).places, [1]);
  assert.deepEqual((await line.join([after(1), after(1)])).places, [2, 2]);
  assert.deepEqual((await line.join([after(1), { key: 'a' }])).places, [2, 2]);
  assert.deepEqual((await line.join([after(2), after(3), after(4), after(4)])).places, [3, 4, 0, 0]);
  assert.deepEqual((await line.join([{ key: 'a' }])).places, [4], 'the key keeps the place that it has');
});

test('joins over the limit of an address get no place and leave no hole', async () => {
  const line = await clockwork.front().create({ joins_per_ip_per_min: 2 });
  const crowd = ['1.1.1.1', '2.2.2.2', '1.1.1.1', '1.1.1.1', '3.3.3.3'].map((ip) => ({ ip }));
  const { places, retryMs } = await line.join(crowd);
  assert.deepEqual(places, [1, 2, 3, 0, 4]);
  assert.ok(retryMs > 0 && retryMs <= 60_000);
  await clockwork.step(retryMs);
  assert.deepEqual((await line.join([{ ip: '1.1.1.1' }])).places, [5]);
});

// judges: length
test('fronts that join at once fill a line to its last place and not beyond', async () => {
  const one = await clockwork.front().create({ line_max: 100, rate_milli: 0 });
  const fronts = [one, ...upTo(3).map((n) => new Front(clockwork, one.event, { id: `front-${n}` }))];
  const answers = await Promise.all(upTo(40).map((n) => fronts[n % 4].join(7)));
  const given = answers.flatMap(({ places }) => places).filter((place) => place !== FULL);
  assert.deepEqual(given.sort((a, b) => a - b), upTo(100));
});

// Until a tick has its position, Redis knows only by the entry that it was given up.
test('an entry given up before the draw counts once, though its place is given up again after it', async () => {
  const line = await clockwork.front().create({ rate_milli: 0, burst: 1 }, STATE.PRE_QUEUE);
  await line.join(3);
  await line.visit('leave', 1, { entry: 1 });
  await line.move(STATE.PRE_QUEUE, STATE.OPEN);
  await line.visit('leave', 2, { entry: 1, drawn: '3' });
  await line.tick({ early: [[1, 2]] });
  await line.tick();
  assert.deepEqual([line.view.waiting, line.view.ghosts[2]], [2, 0]);
  await line.change({ rate_milli: 1_000_000, burst: 1000 });
  await clockwork.step(1000);
  await line.tick();
  assert.deepEqual([line.view.serving, line.view.waiting, line.view.outstanding], [3, 0, 2]);
});

test('only pre-queue, open, paused and frozen events take people in', async () => {
  const takes = [STATE.PRE_QUEUE, STATE.OPEN, STATE.PAUSED, STATE.FROZEN];
  for (const state of Object.values(STATE)) {
    const line = await clockwork.front().create({}, state);
    const answer = await line.join([{ key: 'a' }]);
    assert.equal(answer.outcome, takes.includes(state) ? OUTCOME.OK : OUTCOME.WRONG_STATE);
    if (answer.outcome === OUTCOME.OK) continue;
    assert.equal(answer.state, state);
    assert.equal(await clockwork.redis.command('EXISTS', line.key('seq')), 0);
  }
});

test('an event that does not exist gets no counter', async () => {
  const line = clockwork.front();
  assert.equal((await line.join(3)).outcome, OUTCOME.HEAL);
  assert.deepEqual(await clockwork.redis.command('KEYS', line.key('*')), []);
});

test('the counts of a minute are cleared by the first tick of the next', async () => {
  const line = await clockwork.front().create({ joins_per_ip_per_min: 5, rate_milli: 1 });
  await line.tick();
  await line.join(upTo(50).map((n) => ({ ip: `10.0.0.${n}` })));
  const counts = () => clockwork.redis.command('KEYS', line.key('ip:*'));
  assert.equal((await counts()).length, 1);
  await line.tick();
  assert.equal((await counts()).length, 1);
  await clockwork.step(60_000);
  await line.join([{ ip: '10.0.0.1' }]);
  await line.tick();
  const minute = Math.floor(clockwork.ms / 60_000);
  assert.deepEqual(await counts(), [line.key(`ip:${minute}`)]);
});

test('joins checked by another version of the document get nothing', async () => {
  const line = await clockwork.front().create();
  const { version } = await line.tick();
  assert.deepEqual((await line.join(2, version)).places, [1, 2]);
  await line.change({ burst: 20 });
  const late = await line.join([{ key: 'a' }, {}], version);
  assert.equal(late.outcome, OUTCOME.CONFLICT);
  assert.equal(Number(await clockwork.redis.command('GET', line.key('seq'))), 2);
  assert.deepEqual((await line.join([{ key: 'a' }, {}], version + 1)).places, [3, 4]);
  await line.move(STATE.OPEN, STATE.CLOSED);
  assert.equal((await line.join(1, version + 1)).outcome, OUTCOME.CONFLICT);
  assert.equal((await line.join(1, version + 2)).outcome, OUTCOME.WRONG_STATE);
});

const minuteNow = () => Math.floor(clockwork.ms / 60_000);

test('work gives one place, and none once it is too old', async () => {
  const line = await clockwork.front().create();
  const used = [minuteNow(), 'used'];
  const unused = [minuteNow(), 'unused'];
  assert.deepEqual((await line.join([{ work: used }])).places, [1]);
  for (let minute = 1; minute <= WORK_MINUTES; minute += 1) {
    await clockwork.step(60_000);
    await line.tick();
    assert.deepEqual((await line.join([{ work: used }, { key: 'another', work: used }])).places, [1, WORK_SPENT], `after ${minute} minutes`);
  }
  await clockwork.step(60_000);
  await line.tick();
  assert.equal(await clockwork.redis.command('EXISTS', line.key(`work:${used[0]}`)), 0);
  assert.deepEqual((await line.join([{ work: used }, { work: unused }, { work: [minuteNow(), 'new'] }])).places, [WORK_SPENT, WORK_SPENT, 2]);
  assert.equal(await clockwork.redis.command('EXISTS', line.key(`work:${used[0]}`)), 0);
});
