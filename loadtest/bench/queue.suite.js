// The waiting room: the costs of a poll, a join and a waiting visitor, each relative to a baseline that does
// the same work: nginx with a constant body, a bare epoll loop, one script call per join.

import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort, makeSecrets, startRedis, until } from '../../tests/lib-js/index.js';
import { programPath } from '../../tests/lib-js/service.js';
import { EVENT, LOAD_CORE, SERVER_CORE, change, givenSince, issued, openEvent, startFront } from './lib/front.js';
import { inTurns, median, ratio, sameAnswer, sameWork, spread } from './lib/compare.js';
import { joinDirectly, places, redisCpuUs } from './lib/joins.js';
import { cpuUs, pin, rssKb } from './lib/machine.js';
import { startNginx } from './lib/nginx.js';
import { surge } from './lib/surge.js';
import { cpuPerRequest, wrk } from './lib/wrk.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const HOLD = fileURLToPath(new URL('../floor/hold.js', import.meta.url));
export const minutes = 12; // two lines are filled with 800,000 places and addresses
const JOIN_SECONDS = Math.ceil(Number(process.env.BENCH_SECONDS ?? 2));

async function startFloor(scope, bodyLen, kind = 'reply') {
  const port = await freePort();
  const child = scope.spawn(`floor-${port}`, [
    'taskset', '-c', String(SERVER_CORE), programPath('floor'), String(port), String(bodyLen), kind,
  ]);
  await until(`port ${port} to answer`, async () => {
    const { ok, body } = await fetch(`http://127.0.0.1:${port}/`);
    await body.cancel(); // a stream never ends
    return ok;
  });
  return { port, pid: child.pid, child };
}

async function polls({ scope, add, front, ticket }) {
  const me = await front.http.get(`/v1/queue/${EVENT}/me`, { token: ticket });
  const status = await front.http.get(`/v1/queue/${EVENT}/status`);
  const base = `http://127.0.0.1:${front.port}/v1/queue/${EVENT}`;
  for (const [name, answer, env] of [
    ['me', me, { WRK_BEARER: ticket }],
    ['status', status, {}],
  ]) {
    const len = Buffer.byteLength(answer.text);
    const nginx = await startNginx(scope, SERVER_CORE, `return 200 "${'x'.repeat(len)}";`);
    const floor = await startFloor(scope, len);
    const url = (port) => `http://127.0.0.1:${port}/v1/queue/${EVENT}/${name}`;
    const bearer = name === 'me' ? { authorization: `Bearer ${ticket}` } : {};
    const sides = { ours: [url(front.port), bearer], nginx: [url(nginx.port)], floor: [url(floor.port)] };
    await sameAnswer(name, sides, 0.05); // numbers in our answer sometimes gain a digit
    const taken = await inTurns(
      {
        ours: () => cpuPerRequest(front.child.pid, { url: `${base}/${name}`, env }),
        nginx: () => cpuPerRequest(nginx.pid, { url: url(nginx.port), env }),
        floor: () => cpuPerRequest(floor.pid, { url: url(floor.port), env }),
        again: () => cpuPerRequest(floor.pid, { url: url(floor.port), env }),
      },
      ROUNDS,
    );
    add({ name: `${name}: CPU per request`, value: spread(taken.ours), unit: 'us' });
    add({ name: `${name}: of nginx return 200, same body`, value: ratio(taken, 'ours', 'nginx'), atMost: 1.0 });
    add({ name: `${name}: of a bare epoll loop`, value: ratio(taken, 'ours', 'floor'), atMost: 1.1 });
    add({ name: `${name}: null against null, the loop and itself`, value: ratio(taken, 'again', 'floor') });
  }
  const deep = { WRK_BEARER: ticket, WRK_DEPTH: '16' };
  const taken = await inTurns(
    {
      one: () => cpuPerRequest(front.child.pid, { url: `${base}/me`, env: { WRK_BEARER: ticket } }),
      sixteen: () => cpuPerRequest(front.child.pid, { url: `${base}/me`, env: deep }),
    },
    ROUNDS,
  );
  add({ name: 'me: 16 pipelined are cheaper each by', value: ratio(taken, 'one', 'sixteen'), unit: 'x', atLeast: 8 });
}

// 250,000 visitors far back in the line poll every 24 to 30 s, as their answers say. At that rate a loop's turn
// has only one or two polls, so a poll costs more than at full load.
const WAITING = 250_000;
const POLL_EVERY_S = 27;

async function waiting({ add, front, ticket }) {
  const url = `http://127.0.0.1:${front.port}/v1/queue/${EVENT}/me`;
  const taken = [];
  for (let round = 0; round < ROUNDS; round += 1)
    taken.push(await cpuPerRequest(front.child.pid, {
      url, script: 'paced.lua', connections: 250, seconds: 4, env: { WRK_BEARER: ticket },
    }));
  const share = taken.map((us) => (us * WAITING) / POLL_EVERY_S / 1e6);
  add({ name: 'waiting: CPU per poll at the pace of 250,000', value: spread(taken), unit: 'us' });
  add({ name: 'waiting: 250,000 on one front, of a core', value: spread(share), atMost: 0.1 });
}

async function pollsAskNoRedis({ add, front, redis, ticket }) {
  const before = await redis.commandCalls();
  const url = `http://127.0.0.1:${front.port}/v1/queue/${EVENT}/me`;
  const report = await wrk({ url, seconds: 2, env: { WRK_BEARER: ticket } });
  const after = await redis.commandCalls();
  const sum = (calls) => Object.entries(calls)
    .filter(([name]) => name.startsWith('eval'))
    .reduce((total, [, count]) => total + count, 0);
  const scripts = sum(after) - sum(before);
  add({ name: 'script calls at Redis during two seconds of polls (ticks)', value: scripts, atMost: 120, note: `${report.requests} polls` });
}

// Addresses that seem to have joined already in the current minute, of which enough is left for a round.
const ADDRESSES = 800_000;
const FILL = `for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('HSET', KEYS[1], struct.pack('>I4', i), 1) end`;

async function fillMinute(redis, events, filled) {
  const second = async () => Number((await redis.command('TIME'))[0]);
  await until('enough of a minute', async () => (await second()) % 60 < 45, { timeoutMs: 20_000 });
  const minute = Math.floor((await second()) / 60);
  if (filled === minute) return minute;
  for (const event of events) {
    for (let from = 0; from < ADDRESSES; from += 100_000) // in parts, so that ticks can run in between
      await redis.command('EVAL', FILL, '1', `fg:{${event}}:ip:${minute}`, String(from), String(from + 99_999));
  }
  return minute;
}

// The cost of a join at Redis, relative to calling the same script once per join: same commands, same
// persistence, a line of the same length, in the same Redis.
async function joinsAtRedis({ add, front, redis }) {
  const boot = /run_id:(\w+)/.exec(await redis.command('INFO', 'server'))[1];
  let filled;
  for (const [size, limit] of [[0, 0], [800_000, 0], [800_000, 1_000]]) {
    await change(front, { joins_per_ip_per_min: limit });
    await redis.command('HSET', 'fg:{floor}:cfg', 'boot', boot, 'one_idem', '1', 'state', '3', 'joins_per_ip_per_min', String(limit));
    for (const event of [EVENT, 'floor']) {
      const missing = size - (await places(redis, event));
      if (missing > 0) await joinDirectly(redis, { event, boot, joins: missing, batch: 512 });
    }
    // Below `size`: some joins draw a key that is already used (joinDirectly).
    await until('the front to know of them', async () => (await issued(front)) >= 0.99 * size);
    const taken = { ours: [], single: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      if (limit > 0) filled = await fillMinute(redis, [EVENT, 'floor'], filled);
      const cost = async (event, work) => {
        const before = [await redisCpuUs(redis), await places(redis, event)];
        await work();
        const given = (await places(redis, event)) - before[1];
        return { given, us: ((await redisCpuUs(redis)) - before[0]) / given };
      };
      const more = limit > 0 ? ['-a', round * 1_000_000] : [];
      const ours = await cost(EVENT, () => surge(front, { connections: 256, seconds: JOIN_SECONDS, salt: `d${process.pid}-${size}-${limit}-${round}`, more }));
      const single = await cost('floor', () =>
        joinDirectly(redis, { event: 'floor', boot, joins: ours.given, batch: 1, addresses: limit > 0 }));
      sameWork('places given', { ours: ours.given, single: single.given }, 0.01);
      taken.ours.push(ours.us);
      taken.single.push(single.us);
    }
    const at = (size === 0 ? '' : `, behind ${size} places`) + (limit === 0 ? '' : ` and ${ADDRESSES} addresses`);
    add({ name: `join: CPU of Redis${at}`, value: spread(taken.ours), unit: 'us' });
    add({ name: `join: CPU of Redis, of a script call each${at}`, value: ratio(taken, 'ours', 'single'), atMost: 0.4 });
  }
  await change(front, { joins_per_ip_per_min: 0 });
}

// Redis shares the load's core, and there a scripted request of wrk costs more than Redis, so the front would
// idle. So `surge` sends the joins, like the polls in a closed loop over 256 connections.
async function joins({ add, front, ticket }) {
  let salt = 0;
  const taken = { pollRate: [], joinRate: [], pollCpu: [], joinCpu: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const a = cpuUs(front.child.pid);
    const poll = await wrk({
      url: `http://127.0.0.1:${front.port}/v1/queue/${EVENT}/me`,
      env: { WRK_BEARER: ticket },
      connections: 256,
    });
    const b = cpuUs(front.child.pid);
    const issuedBefore = await issued(front);
    const { join, duration_us: tookUs } = await surge(front, { connections: 256, seconds: JOIN_SECONDS, salt: `r${process.pid}-${(salt += 1)}` });
    const c = cpuUs(front.child.pid);
    const given = await givenSince(front, issuedBefore, join.good);
    sameWork('places given', { asked: join.good, given }, 0.05); // some were in flight at the end
    taken.pollRate.push(poll.rps);
    taken.joinRate.push((join.good * 1e6) / tookUs);
    taken.pollCpu.push((b - a) / poll.requests);
    taken.joinCpu.push((c - b) / given);
  }
  add({ name: 'join: joins a second', value: spread(taken.joinRate) });
  add({ name: 'join: rate, of the poll rate', value: ratio(taken, 'joinRate', 'pollRate'), atLeast: 0.6 });
  add({ name: 'join: CPU of the front, of a poll', value: ratio(taken, 'joinCpu', 'pollCpu'), atMost: 2 });
}

// A storm of joins, with quiet visitors who poll.
async function storm({ add, front, ticket }) {
  const base = `http://127.0.0.1:${front.port}/v1/queue/${EVENT}`;
  const quiet = [];
  const stormy = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    quiet.push(await pacedP99(base, ticket));
    const running = surge(front, { connections: 128, seconds: 3, salt: `s${process.pid}-${round}` });
    stormy.push(await pacedP99(base, ticket));
    await running;
  }
  add({ name: 'me: quiet p99', value: spread(quiet), unit: 'ms' });
  add({ name: 'me: p99 in a storm of joins', value: spread(stormy), unit: 'ms' });
  add({ name: 'me: storm p99 of quiet p99', value: median(stormy) / median(quiet), atMost: 2 });
}

// 400 polls a second for two seconds, in an open loop, timed from each due time.
async function pacedP99(base, ticket) {
  const took = [];
  const pending = [];
  const start = performance.now();
  for (let n = 0; n < 800; n += 1) {
    const due = start + n * 2.5;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    pending.push(
      fetch(`${base}/me`, { headers: { authorization: `Bearer ${ticket}` } })
        .then((answer) => answer.text())
        .then(() => took.push(performance.now() - due)),
    );
  }
  await Promise.all(pending);
  took.sort((x, y) => x - y);
  return took[Math.floor(took.length * 0.99)];
}

function startHolder(scope, port, count, path) {
  const child = spawn(process.execPath, [HOLD, port, count, path].map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  pin(child.pid, LOAD_CORE);
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  scope.defer(() => new Promise((resolve) => child.on('exit', resolve).stdin.end()));
  const next = (what, timeoutMs = 60_000) =>
    until(what, () => lines.shift() ?? false, { timeoutMs });
  return {
    ready: () => next(`${count} streams to stand`),
    count: () => {
      child.stdin.write('\n');
      return next('the holder to count');
    },
  };
}

async function streams({ scope, add, redis, secrets }) {
  const per = Number(process.env.BENCH_STREAMS ?? 15_000);
  const fronts = [];
  for (let n = 0; n < 4; n += 1) fronts.push(await startFront(scope, redis, secrets));
  const path = `/v1/queue/${EVENT}/stream`;
  await Promise.all(fronts.map((front) => until('the event', async () =>
    (await front.http.get(`/v1/queue/${EVENT}/status`)).status === 200)));
  const before = fronts.map((front) => rssKb(front.child.pid));
  const holders = fronts.map((front) => startHolder(scope, front.port, per, path));
  for (const holder of holders) await holder.ready();
  const grown = fronts.map((front, n) => ((rssKb(front.child.pid) - before[n]) * 1024) / per);
  const open = (await Promise.all(holders.map((holder) => holder.count()))).reduce((sum, c) => sum + c.open, 0);
  add({ name: `streams: open at once on ${fronts.length} fronts`, value: open, atLeast: 4 * per });
  add({ name: 'streams: process memory each', value: spread(grown), unit: 'B', atMost: 614 });

  // A broadcast: CPU of the front over some seconds, divided by the received events.
  const frameLen = Buffer.byteLength((await fronts[0].http.get(`/v1/queue/${EVENT}/status`)).text) + 8;
  const floor = await startFloor(scope, frameLen, 'stream');
  const floorHolder = startHolder(scope, floor.port, per, path);
  await floorHolder.ready();
  const taken = { ours: [], floor: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    await holders[0].count();
    const cpu = cpuUs(fronts[0].child.pid);
    for (let n = 0; n < 5; n += 1) {
      // A new message is what gets sent: the line is paused, so nothing else changes.
      await change(fronts[0], { message: { en: `round ${round}, word ${n}` } });
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    }
    const used = cpuUs(fronts[0].child.pid) - cpu;
    const heard = await holders[0].count();
    taken.ours.push(used / heard.reads);
    const lines = floor.child.log().split('\n').length;
    process.kill(floor.pid, 'SIGUSR1');
    await until('the floor to have written', () => floor.child.log().split('\n').length > lines);
    const told = JSON.parse(floor.child.log().trim().split('\n').at(-1));
    taken.floor.push(told.cpu_us / told.sent);
  }
  add({ name: 'broadcast: CPU per subscriber', value: spread(taken.ours), unit: 'us' });
  add({ name: 'broadcast: of a bare write', value: ratio(taken, 'ours', 'floor'), atMost: 1.3 });
}

async function firstAnswer({ scope, add, redis, secrets }) {
  const took = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const front = await startFront(scope, redis, secrets);
    const port = front.port;
    await front.stop();
    const start = performance.now();
    await front.start(false);
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/queue/${EVENT}/status`).catch(() => null);
      if (answer?.status === 200) break;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    took.push(performance.now() - start);
    await front.stop();
  }
  add({ name: 'start to first answer', value: spread(took), unit: 'ms', atMost: 100 });
}

export default async function suite({ scope, add }) {
  const secrets = makeSecrets(scope);
  const redis = await startRedis(scope);
  pin(redis.child.pid, LOAD_CORE);
  const front = await startFront(scope, redis, secrets, { http: { trusted_proxies: '127.0.0.1' } });
  await openEvent(front);
  const joined = await front.http.post(`/v1/queue/${EVENT}/join`, {});
  const { ticket } = joined.json;
  const world = { scope, add, front, redis, secrets, ticket };
  await polls(world);
  await pollsAskNoRedis(world);
  await waiting(world);
  await joins(world);
  await joinsAtRedis(world);
  await storm(world);
  await firstAnswer(world);
  await streams(world);
}
