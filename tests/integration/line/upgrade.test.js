// The scripts on what the program of the version before has left in a Redis that went on: an upgrade
// of an event that runs. upgrade.json was written by that version's own scripts: an event with a lane,
// some called, two inside, people who left while waiting; and one before its draw.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { after, before } from 'node:test';
import { startRedis } from '../../lib-js/redis.js';
import { openScope } from '../../lib-js/scope.js';
import { told } from '../../lib-js/wire.js';
import { Clockwork, Front, OUTCOME, STATE } from './line.js';

const EPOCH_MS = 60_000;
const TICK_MS = 2_500;
const SERVING = 15;
const LEFT = [30, 35];
const left = JSON.parse(readFileSync(new URL('upgrade.json', import.meta.url), 'utf8'));

const scope = openScope();
let redis;

before(async () => {
  redis = await startRedis(scope, { port: 23008 });
});
after(() => scope.close());

async function write([type, key, ...values]) {
  const bytes = values.map((value) => Buffer.from(value, 'latin1'));
  const pairs = bytes.flatMap((value, i) => (i % 2 === 0 ? [[value, bytes[i + 1]]] : []));
  if (type === 'string') await redis.command('SET', key, ...bytes);
  if (type === 'hash') await redis.command('HSET', key, ...bytes);
  if (type === 'set') await redis.command('SADD', key, ...bytes);
  if (type === 'list') await redis.command('RPUSH', key, ...bytes);
  if (type === 'zset') for (const [member, score] of pairs) await redis.command('ZADD', key, score, member);
  if (type === 'stream') for (const entry of bytes) await redis.command('XADD', key, '*', 'a', entry, 'v', 1);
}

// The new fronts of both lines of the event, a moment later.
async function upgraded() {
  await redis.command('FLUSHALL');
  const clockwork = new Clockwork(redis);
  clockwork.us = left.us;
  for (const row of left.keys) await write(row);
  await clockwork.load();
  return {
    clockwork,
    live: new Front(clockwork, 'live'),
    lane: new Front(clockwork, 'live', { lane: 1 }),
    soon: new Front(clockwork, 'soon'),
  };
}

const upto = (n) => Array.from({ length: n }, (_, i) => i + 1);

// The places `here` are seen in all that time.
async function ticks(line, ms, here) {
  for (let passed = 0; passed < ms; passed += TICK_MS) {
    await line.clockwork.step(TICK_MS);
    await line.hear(here, { epochMs: EPOCH_MS });
    const view = await line.tick();
    assert.equal(view.outcome, OUTCOME.OK);
  }
}

test('a line goes on where it was: joins, calls, passes, sessions', async () => {
  const { clockwork, live, lane } = await upgraded();
  const issued = Number(await redis.command('GET', 'fg:{live}:seq'));
  const view = await live.tick();
  assert.deepEqual([view.outcome, view.state, view.issued, view.serving], [OUTCOME.OK, STATE.OPEN, issued, SERVING]);
  assert.equal(view.waiting, issued - SERVING - LEFT.length);
  assert.deepEqual((await live.join([{ key: 'k0' }, { key: 'new' }, { key: 'k2' }])).places, [1, issued + 1, 3]);
  assert.equal((await live.visit('heartbeat', 1)).outcome, OUTCOME.OK);
  assert.equal((await live.pass(2)).outcome, OUTCOME.GONE);
  assert.equal((await live.pass(3)).outcome, OUTCOME.OK);
  assert.equal((await live.pass(LEFT[0])).outcome, OUTCOME.GONE);
  assert.equal((await live.pass(40)).outcome, OUTCOME.NOT_YET);
  const waitingInLane = (await lane.tick()).waiting;
  await clockwork.step(5000);
  await live.hear(upto(issued), { epochMs: EPOCH_MS });
  await ticks(live, 30_000, upto(issued));
  assert.ok(live.view.serving > SERVING);
  assert.ok((await lane.tick()).waiting <= waitingInLane);
  assert.deepEqual((await live.join([{ key: 'k1' }])).places, [2]);
});

test('signs of life are sent again and the old records go', async () => {
  const { live } = await upgraded();
  const issued = Number(await redis.command('GET', 'fg:{live}:seq'));
  await live.change({ rate_milli: 0 });
  const there = upto(issued).filter((place) => place % 2 === 0);
  await ticks(live, 3 * EPOCH_MS, there);
  const gone = upto(issued).filter((place) => place > live.view.serving && place % 2 === 1 && !LEFT.includes(place));
  assert.equal(live.view.ghosts[2], gone.length);
  assert.equal(live.view.waiting, issued - live.view.serving - gone.length - LEFT.length);
  assert.equal(live.view.fronts, 1);
  assert.equal(await redis.command('EXISTS', 'fg:{live}:fronts'), 0);
  await live.hear([23], { epochMs: EPOCH_MS });
  await live.tick();
  assert.equal(live.view.ghosts[2], gone.length - 1, 'it is back');
});

test('the old program may run next to the new one', async () => {
  const { live } = await upgraded();
  const issued = Number(await redis.command('GET', 'fg:{live}:seq'));
  await live.change({ rate_milli: 0 });
  for (let i = 0; i < 3 * EPOCH_MS / TICK_MS; i += 1) {
    await ticks(live, TICK_MS, upto(issued)); // and what its tick writes of its own visitors:
    const epoch = Math.floor(live.clockwork.ms / EPOCH_MS);
    await redis.command('HSET', 'fg:{live}:fronts', 'old-front', live.clockwork.ms);
    await redis.command('SETBIT', `fg:{live}:heard:${epoch}:1`, 8, 1);
  }
  assert.equal(live.view.ghosts[2], 0);
});

test('a leave before the upgrade survives a heal', async () => {
  const { live } = await upgraded();
  const issued = Number(await redis.command('GET', 'fg:{live}:seq'));
  await live.change({ rate_milli: 0 });
  const there = upto(issued).filter((place) => place % 2 === 0);
  await ticks(live, 3 * EPOCH_MS, there);
  const before_ = live.view.ghosts[2];
  live.runId = 'run-2';
  await live.heal({ windowMs: 0, gap: 0 });
  await live.tick();
  assert.equal(live.view.ghosts[2], before_);
});

test('an event before its draw keeps its seed and opens', async () => {
  const { soon } = await upgraded();
  assert.equal((await soon.tick()).issued, 5);
  assert.equal((await soon.move(STATE.PRE_QUEUE, STATE.OPEN)).outcome, OUTCOME.OK);
  const view = await soon.tick();
  assert.equal(view.state, STATE.OPEN);
  const draw = told('draw', view.draw);
  assert.equal(draw.seed, '5e'.repeat(32));
  assert.equal(Number(draw.entries), 5);
  assert.deepEqual(view.early, ['3']);
});
