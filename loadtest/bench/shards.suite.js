// One line over K shards: the cost of a join at Redis, relative to the same script for a line without shards.
//
// A million joins a second at 16 fronts whose loops turn every 2 ms are 125 joins per turn and front. Over K shards these
// are K calls, so the cost of a call is paid K times. A front delays a shard's batch of fewer than 64 joins by 2 ms, so
// that a call carries the joins of two turns (core/line/batch.h). A front has one call in flight per shard, so the slower
// the shard, the more joins a call carries. Therefore other rows have 64 joins in every call.
// All shards are in one Redis here; its CPU time is divided by the number of joins.
//
// Also: how far places differ from the order of arrival, with two real fronts in a closed loop. A join arrives when it is
// sent, by the machine's clock, so the figure includes the network and the fronts' turns. With one shard there are no
// cuts, so it shows only what fronts and Redis do to the order.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSecrets, openScope, startRedis, until } from '../../tests/lib-js/index.js';
import { ask, replyOf, scriptText } from '../../tests/lib-js/wire.js';
import { sumOf } from '../../tests/integration/line/shards.js';
import { EVENT, LOAD_CORE, openEvent, startFront } from './lib/front.js';
import { inTurns, ratio, spread } from './lib/compare.js';
import { joinDirectly, places, redisCpuUs } from './lib/joins.js';
import { pin } from './lib/machine.js';
import { surge } from './lib/surge.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const JOINS = 120_000;
const TURN_JOINS = 125;
const CALL_JOINS = 64; // as BATCH_ENOUGH
const SHARDS = [1, 2, 4, 8];
const FAR = 2 ** 30; // a lease that is checked but never exhausted
const CUTS = 2_000;

async function open(redis, boot, event, lease) {
  await redis.command('HSET', `fg:{${event}}:cfg`, 'boot', boot, 'one_idem', '1', 'state', '3', 'joins_per_ip_per_min', '0',
    'doc', '-'.repeat(1_000), // a field this long makes Redis store the hash as a table, as in real events and shards
    ...(lease === null ? [] : ['lease', String(lease)]));
}

// CPU of Redis per join, with the joins divided among these events, one after the other.
async function perJoin(redis, boot, events, batch) {
  const sum = async () => (await Promise.all(events.map((event) => places(redis, event)))).reduce((a, b) => a + b, 0);
  const before = [await redisCpuUs(redis), await sum()];
  for (const event of events)
    await joinDirectly(redis, { event, boot, joins: Math.ceil(JOINS / events.length), batch });
  return ((await redisCpuUs(redis)) - before[0]) / ((await sum()) - before[1]);
}

async function joins({ add, redis, boot }) {
  const measures = {};
  const lines = { 'no shards': [null, 1], ...Object.fromEntries(SHARDS.map((k) => [`${k} shards`, [FAR, k]])) };
  for (const [name, [lease, k]] of Object.entries(lines)) {
    const turns = TURN_JOINS / k < CALL_JOINS ? 2 : 1;
    for (const [how, batch] of [['turn', Math.ceil(turns * TURN_JOINS / k)], ['call', CALL_JOINS]]) {
      const events = Array.from({ length: k }, (_, shard) => `${how}-${name.replace(' ', '-')}:${shard}`);
      for (const event of events) {
        await open(redis, boot, event, lease);
        await redis.command('SET', `fg:{${event}}:seq`, '0');
      }
      measures[`${how} ${name}`] = () => perJoin(redis, boot, events, batch);
    }
  }
  const taken = await inTurns(measures, ROUNDS);
  for (const [how, what] of [['call', `${CALL_JOINS} joins a call`], ['turn', `${TURN_JOINS} joins a turn`]]) {
    for (const name of Object.keys(lines)) {
      const bars = how === 'call' && name !== 'no shards';
      add({ name: `${what}, ${name}: CPU of Redis a join`, value: spread(taken[`${how} ${name}`]), unit: 'us' });
      if (name === 'no shards') continue;
      add({ name: `${what}, ${name}: of no shards`, value: ratio(taken, `${how} ${name}`, `${how} no shards`), ...(bars ? { atMost: 1.2 } : {}) });
    }
  }
}

// The cost of cuts: each is of eight shards, and each shard has grown by 2,500 joins.
async function cuts({ add, redis, boot }) {
  const shards = SHARDS.at(-1);
  const sha = await redis.command('SCRIPT', 'LOAD', scriptText('cut'));
  await redis.command('HSET', 'fg:{cuts}:cfg', 'boot', boot, 'state', '0');
  const texts = []; // all cuts so far
  const cut = async (nth, words, seal = '') => {
    const answer = replyOf('cut', await redis.command('EVALSHA', sha, '1', 'fg:{cuts}:cfg', boot, ...ask('cut', {
      shards, known: texts.length, sum: sumOf(texts), nth, seal, seal_epoch: 0, opening: `${boot}@1`, first: 0, sent: 0, before: 0,
      slot_ms: 0,
    }), ...words));
    texts.push(...answer.cuts);
    return answer;
  };
  const none = Array(4 * shards).fill('');
  for (let k = 0; k < shards; k += 1) await cut(0, none, k);
  const [, , , opened] = (await cut(0, none)).shards; // the same for all: they were sealed before the first cut
  const before = await redisCpuUs(redis);
  for (let nth = 1; nth <= CUTS; nth += 1) {
    const words = Array.from({ length: shards }, () => [1, 2_500 * nth, 2_500 * nth + 10_000, opened]).flat();
    const { outcome } = await cut(nth, words);
    if (outcome !== 0) throw new Error(`cut ${nth} was answered ${outcome}`);
  }
  const us = ((await redisCpuUs(redis)) - before) / CUTS;
  add({ name: `a cut of ${shards} shards: CPU of Redis`, value: us, unit: 'us' });
  add({ name: `a cut of ${shards} shards: of each of its 20,000 joins`, value: us / 20_000, unit: 'us', atMost: 0.02 });

  // The cost of a process that only waits for the next cut: time inside Redis, without parsing and replying.
  const sum = sumOf(texts);
  const news = {
    'cut.lua': ['evalsha', ['EVALSHA', sha, '1', 'fg:{cuts}:cfg', boot, ...ask('cut', {
      shards, known: texts.length, sum, nth: 0, seal: '', seal_epoch: 0, opening: '', first: 0, sent: 0, before: 0, slot_ms: 0 }), ...none]],
    'a plain read': ['xrange', ['XRANGE', 'fg:{cuts}:cuts', `${texts.length + 1}-0`, '+', 'COUNT', '512']],
    'a plain read of one cut': ['xrange', ['XRANGE', 'fg:{cuts}:cuts', `${texts.length}-0`, '+', 'COUNT', '512']],
    'the claim of the next': ['set', ['SET', 'fg:{cuts}:cutter', 'front', 'NX', 'PX', '15']],
  };
  for (const [name, [stat, words]] of Object.entries(news)) {
    await redis.command('CONFIG', 'RESETSTAT');
    for (let i = 0; i < CUTS; i += 1) await redis.command(...words);
    const stats = new RegExp(`cmdstat_${stat}:.*usec_per_call=([0-9.]+)`).exec(await redis.command('INFO', 'commandstats'));
    add({ name: `news by ${name}: a call takes Redis`, value: Number(stats[1]), unit: 'us', ...(stat === 'evalsha' ? {} : { atMost: 10 }) });
  }
}

const STORM_S = 5;
const STORM_CONNECTIONS = 512; // at each front: over shards each waits some 20 ms for its cut

// How far each join was moved, in ms: the time between its own arrival and that of the nth join, n being its place.
function movedMs(lines) {
  const joins = lines.map((line) => line.split(' ').map(Number)).sort(([a], [b]) => a - b);
  const sent = ([at]) => at;
  const moved = joins.filter(([, place]) => place <= joins.length)
    .map((one) => Math.abs(sent(joins[one[1] - 1]) - sent(one)) / 1e3).sort((a, b) => a - b);
  return (share) => moved[Math.min(moved.length - 1, Math.floor(share * moved.length))];
}

async function storm(shards) {
  const scope = openScope();
  try {
    const redis = await startRedis(scope), secrets = makeSecrets(scope);
    const fronts = [await startFront(scope, redis, secrets), await startFront(scope, redis, secrets)];
    await openEvent(fronts[0], { shards });
    await until('the other front to know of it', async () =>
      (await fronts[1].http.get(`/v1/queue/${EVENT}/status`)).json?.state === 'paused');
    const before = await redisCpuUs(redis);
    const files = await Promise.all(fronts.map(async (front, i) => {
      const file = join(scope.tempDir(), `places-${i}`);
      await surge(front, { connections: STORM_CONNECTIONS, seconds: STORM_S, salt: `f${i}`, more: ['-w', 5000, '-f', file] });
      return file;
    }));
    const lines = files.flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'));
    const moved = movedMs(lines);
    return { rate: lines.length / STORM_S, p50: moved(0.5), p99: moved(0.99), max: moved(1),
      cpuUs: ((await redisCpuUs(redis)) - before) / lines.length };
  } finally {
    await scope.close();
  }
}

async function displacement({ add }) {
  let alone;
  for (const shards of SHARDS) {
    const { rate, p50, p99, max, cpuUs } = await storm(shards);
    alone ??= cpuUs;
    const what = `two fronts, ${shards} shards`;
    add({ name: `${what}: joins a second`, value: rate, unit: '1/s' });
    add({ name: `${what}: moved p50`, value: p50, unit: 'ms' });
    add({ name: `${what}: moved p99`, value: p99, unit: 'ms' });
    add({ name: `${what}: moved at most`, value: max, unit: 'ms' });
    add({ name: `${what}: CPU of Redis a join, cuts and ticks with it`, value: cpuUs, unit: 'us' });
    add({ name: `${what}: of one shard`, value: cpuUs / alone, atMost: 1.2 });
  }
}

export default async function suite({ scope, add }) {
  const redis = await startRedis(scope);
  pin(redis.child.pid, LOAD_CORE);
  const boot = /run_id:(\w+)/.exec(await redis.command('INFO', 'server'))[1];
  await joins({ add, redis, boot });
  await cuts({ add, redis, boot });
  await displacement({ add });
}
