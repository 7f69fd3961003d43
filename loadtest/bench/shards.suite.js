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
import { makeSecrets, openScope, startCluster, startRedis, until } from '../../tests/lib-js/index.js';
import { ask, replyOf, scriptText } from '../../tests/lib-js/wire.js';
import { sumOf } from '../../tests/integration/line/shards.js';
import { EVENT, LOAD_CORE, openEvent, SERVER_CORE, startFront } from './lib/front.js';
import { inTurns, ratio, spread } from './lib/compare.js';
import { joinDirectly, places, redisCpuUs } from './lib/joins.js';
import { Loop, now, present, shaOf, tickPeriod, wordsOf } from './lib/loops.js';
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

// The load of the server that has the cuts, with fifty fronts of eight loops on one event. One front is real, takes joins
// and makes the cuts; the others repeat its commands. This server has the slots of the event and of the list of events;
// another one has all eight shards. Signs of life are not included: suite `growth` measures them.
const FRONTS = 50;
const LOOPS = 8;
const STEP_MS = 18; // mean pause between two reads of a process
const HOUSE_MS = 400; // STORE_DISCOVER_MS
const HOUSE_MS_MAX = 800;
const LEFT_TURNS = 4; // SHARDS_LEFT_TURNS
const LOOKS_MAX = 64; // SHARDS_LOOKS_MAX
const CUTS_S = 8;

async function startCutsCluster(scope) {
  const patient = { settings: { 'cluster-node-timeout': 15_000 } }; // they share their cores with the load
  const { nodes: [home, other], id } = await startCluster(scope, 2, async () => patient);
  const give = async (key, node) => {
    const slot = await home.command('CLUSTER', 'KEYSLOT', key);
    for (const each of [node, home === node ? other : home]) await each.command('CLUSTER', 'SETSLOT', slot, 'NODE', await id(node));
  };
  for (const key of [`fg:{${EVENT}}:cfg`, 'fg:events']) await give(key, home);
  for (let k = 0; k < SHARDS.at(-1); k += 1) await give(`fg:{${EVENT}:${k}}:cfg`, other);
  for (const node of [home, other]) await until('the cluster to agree', async () => (await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return { home, cluster: [home, other].map(({ address, port }) => `${address}:${port}`).join(',') };
}

// One process: one of its loops reads the cuts, claims the next one in some of its turns, and sometimes calls cut.lua.
// (It claims another key, since the real front makes the cuts.)
class Reader {
  // news: the first words of a call of cut.lua.
  constructor(home, news) {
    this.turn = 0;
    this.nth = 0; // the newest cut it knows
    this.sum = 0;
    this.news = news;
    this.link = new Loop({ path: home.socket }, (text) => {
      for (const [, nth, sum] of text.matchAll(/\r\n(\d+)-0\r\n\*4\r\n\$1\r\nc\r\n\S+\r\n\S+\r\n\$1\r\ns\r\n\S+\r\n(\d+)/g))
        if (Number(nth) > this.nth) [this.nth, this.sum] = [Number(nth), Number(sum)];
    });
  }

  look() {
    this.turn += 1;
    if (this.turn % LOOKS_MAX === 0) {
      const words = ask('cut', { shards: SHARDS.at(-1), known: this.nth, sum: this.sum, nth: 0, seal: '', seal_epoch: 0,
        opening: '', first: 0, sent: 0, before: 0, slot_ms: 0 });
      this.link.say([...now(this.news), ...words.map(String), ...Array(4 * SHARDS.at(-1)).fill('')]);
      return;
    }
    this.link.say(...(this.claims ? [['SET', `fg:{${EVENT}}:others`, 'front', 'NX', 'PX', '15']] : []),
      ['XRANGE', `fg:{${EVENT}}:cuts`, `${this.nth + 1}-0`, '+', 'COUNT', '512']);
  }

  get claims() {
    return this.turn % (LEFT_TURNS + 1) === 0;
  }

  // Others make the cuts, so with many loops it reads less often, except in turns that claim.
  async run(loops) {
    for (;;) {
      const pace = (this.turn + 1) % (LEFT_TURNS + 1) === 0 ? 1 : tickPeriod(loops) / tickPeriod(1);
      await new Promise((resolve) => setTimeout(resolve, STEP_MS * pace * (0.9 + 0.2 * Math.random())));
      if (this.over) return;
      this.look();
    }
  }

  close() {
    this.over = true;
    this.link.close();
  }
}

async function manyFronts({ add }) {
  const scope = openScope();
  try {
    const { home, cluster } = await startCutsCluster(scope);
    pin(home.child.pid, LOAD_CORE);
    const front = await startFront(scope, home, makeSecrets(scope), { http: { loops: LOOPS }, redis: { cluster } });
    await openEvent(front, { shards: SHARDS.at(-1) });
    const all = FRONTS * LOOPS;
    await present(home, EVENT, all);
    const tick = await wordsOf(home, 'tick', (words) => words[3] === `fg:{${EVENT}}:cfg`);
    const site = await wordsOf(home, 'house');
    let refused = 0;
    const loops = [];
    while (loops.length < all - LOOPS)
      loops.push(await Loop.open({ path: home.socket }, (text) => { refused += text.startsWith('*1\r\n') || text.startsWith('-') ? 1 : 0; }));
    const news = ['EVALSHA', shaOf('cut'), ...tick.slice(2, 5)];
    const readers = Array.from({ length: FRONTS - 1 }, () => new Reader(home, news));
    scope.defer(() => [...loops, ...readers].forEach((one) => one.close()));
    const period = Math.min(HOUSE_MS_MAX, HOUSE_MS * all / 128);
    for (const loop of loops) {
      loop.each(tickPeriod(all), () => loop.say(now(tick)));
      loop.each(period, () => loop.say(now(site)));
    }
    readers.forEach((reader) => reader.run(all));
    const joining = surge(front, { connections: 64, seconds: CUTS_S + 2, salt: 'cuts', core: SERVER_CORE, more: ['-w', 5000] });
    await until('cuts to come', async () => (await home.command('XLEN', `fg:{${EVENT}}:cuts`)) > 20);
    const reads = () => readers.reduce((sum, { turn }) => sum + turn, 0);
    const before = { scripts: (await home.commandCalls()).evalsha, reads: reads(), us: await redisCpuUs(home), cuts: await home.command('XLEN', `fg:{${EVENT}}:cuts`), at: performance.now() };
    await new Promise((resolve) => setTimeout(resolve, CUTS_S * 1000));
    const seconds = (performance.now() - before.at) / 1000;
    const us = (await redisCpuUs(home)) - before.us;
    const perS = (count) => Math.round(count / seconds);
    const scripts = perS((await home.commandCalls()).evalsha - before.scripts);
    const cutsS = perS((await home.command('XLEN', `fg:{${EVENT}}:cuts`)) - before.cuts);
    await joining;
    if (refused > 0) throw new Error(`${refused} calls were refused`);
    add({ name: `${all} loops: the server of the cuts is busy`, value: us / 1e4 / seconds, unit: '% of a core', atMost: 20,
      note: `a second: ${cutsS} cuts, ${perS(reads() - before.reads)} reads of them by ${readers.length} processes, which claim the next with each fifth, ${scripts} scripts` });
  } finally {
    await scope.close();
  }
}

export default async function suite({ scope, add }) {
  const redis = await startRedis(scope);
  pin(redis.child.pid, LOAD_CORE);
  const boot = /run_id:(\w+)/.exec(await redis.command('INFO', 'server'))[1];
  await joins({ add, redis, boot });
  await cuts({ add, redis, boot });
  await displacement({ add });
  await manyFronts({ add });
}
