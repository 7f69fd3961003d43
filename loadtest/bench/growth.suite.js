// Growth of costs. CPU of a poll, CPU of a tick and memory, from a thousand to a million places. A poll with two
// loops or two fronts, and a tick with up to 800 loops. Joins a second while a million people join. The time to
// send the signs of life of ten million visitors to Redis. And what ended events cost.

import { delay, makeSecrets, programPath, startRedis, until } from '../../tests/lib-js/index.js';
import { inTurns, ratio, sameWork, spread } from './lib/compare.js';
import { EVENT, LOAD_CORE, SERVER_CORE, givenSince, issued, openEvent, startFront } from './lib/front.js';
import { Loop, now, present, tickPeriod, wordsOf } from './lib/loops.js';
import { cpuUs, pin, rssKb, runPinned } from './lib/machine.js';
import { surge } from './lib/surge.js';
import { wrk } from './lib/wrk.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const PLACES = [1_000, 10_000, 100_000, 1_000_000];
const FEW = 10_000;
const SPARE = 20; // joins that are due at the very end of a second may be too late
const STORM_CONNECTIONS = 256;
const LOOPS = [2, 50, 200, 800];
const SLOT = 10; // index in a tick's words: the age up to which another loop's picture is used
const OK = 0;
const TICKS_AGAIN = 400;
const TICKS_WARM = 200;
const TICKS_AT_ONCE = 20;
const CROWD = 10_000_000;
const EPOCH_S = 90; // [line] gone_after
const TELLERS = 50;

// Joins until that many places are given: a few at a fixed rate, many as a closed loop, with one sample per second
// in `samples`. Uses `surge`, because a script in wrk would cost Redis's core more than Redis itself. A join that
// waits too long for Redis (which rewrites its log, or waits for the disk) is refused with a 503 and a Retry-After.
// Refused joins are counted. They may have got a place: only a retry would show it.
async function fill(front, upto, samples) {
  let given = await issued(front);
  let refused = 0;
  while (given < upto) {
    const before = given;
    const rate = upto - given <= FEW ? upto - given + SPARE : undefined;
    const { join, duration_us: tookUs } = await surge(front, { connections: STORM_CONNECTIONS, seconds: 1, salt: `g${process.pid}-${upto}-${before}`, rate, more: ['-w', 5000] });
    if (join.away > 0) throw new Error(`joins: ${JSON.stringify(join)}`);
    const placed = join.good + join.late;
    refused += join.refused;
    if (rate === undefined) samples.push({ rate: (placed * 1e6) / tookUs, refused: join.refused });
    const more = await givenSince(front, before, placed);
    sameWork('places given', { placed, given: more }, refused / (placed + refused));
    given = before + more;
  }
  return given;
}

function refusals(samples) {
  const refused = samples.filter((sample) => sample.refused > 0);
  const sum = refused.reduce((total, sample) => total + sample.refused, 0);
  return sum === 0 ? 'none refused' : `${sum} refused, in ${refused.length} of ${samples.length} seconds`;
}

// The second numbers of a curve's points.
const list = (points) => points.map(([, y]) => y.toPrecision(3)).join(', ');

async function ticks(redis, words, count) {
  for (let sent = 0; sent < count; sent += TICKS_AT_ONCE) {
    const answers = await Promise.all(Array.from({ length: TICKS_AT_ONCE }, () => redis.command(...now(words))));
    if (!answers.every(([outcome]) => outcome === OK)) throw new Error('a tick was refused');
  }
}

async function scriptUs(redis, work) {
  await redis.command('CONFIG', 'RESETSTAT');
  const cpuBefore = cpuUs(redis.child.pid);
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  const line = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(await redis.command('INFO', 'commandstats'));
  return { us: Number(line[2]) / Number(line[1]), perS: Number(line[1]) / seconds,
    percent: (cpuUs(redis.child.pid) - cpuBefore) / 1e4 / seconds };
}

// The cost of a tick that does the work, by the number of registered loops. Ticks run back to back, since Redis takes
// three times as long for a call after a sleep. The numbers take turns, since the machine's speed drifts. The caller
// uses the least of all rounds, since other work on that core only adds.
async function workingTicks(redis, words) {
  const working = [...words.slice(0, SLOT), '0', ...words.slice(SLOT + 1)];
  const measure = async (wanted) => {
    await present(redis, EVENT, wanted, Math.max(...LOOPS));
    await ticks(redis, working, TICKS_WARM);
    return (await scriptUs(redis, () => ticks(redis, working, TICKS_AGAIN))).us;
  };
  return inTurns(Object.fromEntries(LOOPS.map((wanted) => [`of ${wanted}`, () => measure(wanted)])), 2 * ROUNDS + 1);
}

// Adds loops to the front's own, as Redis sees them. Each has a connection and a name on the lists of fronts, and
// sends the front's tick at the interval that applies to this number of loops.
export async function loops({ add, redis, front, ticket }) {
  const words = await wordsOf(redis, 'tick');
  const worked = await workingTicks(redis, words);
  const links = [];
  const curve = { work: LOOPS.map((wanted) => [wanted, Math.min(...worked[`of ${wanted}`])]), shown: [], percent: [] };
  let perS = 0;
  let refused = 0;
  for (const wanted of LOOPS) {
    await present(redis, EVENT, wanted, Math.max(...LOOPS));
    while (links.length < wanted - 1)
      links.push(await Loop.open({ path: redis.socket }, (text) => { refused += text.startsWith('*1\r\n') ? 1 : 0; }));
    for (const link of links) link.each(tickPeriod(wanted), () => link.say(now(words)));
    const shown = await scriptUs(redis, () => pollUs([front], ticket));
    for (const link of links) link.rest();
    if (refused > 0) throw new Error(`${refused} ticks were refused`);
    curve.shown.push([wanted, shown.us]);
    curve.percent.push([wanted, shown.percent]);
    perS = shown.perS;
  }
  for (const link of links) link.close();
  const costs = curve.work.map(([, us]) => us);
  add({ name: 'a tick that works at Redis, of 2, 50, 200, 800 loops the dearest to the cheapest', value: Math.max(...costs) / Math.min(...costs), atMost: 1.3, note: `${list(curve.work)} us, the least of ${2 * ROUNDS + 1} rounds in turns` });
  add({ name: 'a tick with 800 loops, most of which read the picture of another', value: curve.shown.at(-1)[1], unit: 'us', note: `2, 50, 200, 800 loops: ${list(curve.shown)}` });
  add({ name: 'Redis with 800 loops, while people poll', value: curve.percent.at(-1)[1], unit: '% of a core', note: `${Math.round(perS)} ticks a second; 2, 50, 200, 800 loops: ${list(curve.percent)}` });
}

// Ten million visitors show a sign of life at once. Fifty loops send these to Redis, at the interval that applies
// to 800 loops, while people poll at another front of the same line.
export async function marks({ add, redis, front, ticket }) {
  await redis.command('SET', `fg:{${EVENT}}:seq`, CROWD);
  await present(redis, EVENT, Math.max(...LOOPS));
  const cpuBefore = cpuUs(redis.child.pid);
  const began = performance.now();
  let over = false;
  const telling = runPinned(SERVER_CORE, [programPath('marks-bench'), redis.socket, EVENT, String(CROWD), String(TELLERS)], { timeoutMs: 240_000 });
  telling.then(() => { over = true; }, () => { over = true; });
  while (!over) await pollUs([front], ticket);
  const { seconds } = JSON.parse(await telling);
  const percent = (cpuUs(redis.child.pid) - cpuBefore) / 1e4 / ((performance.now() - began) / 1000);
  const epoch = Math.floor(Date.now() / 1000 / EPOCH_S);
  let most = 0;
  for (const of of [epoch - 2, epoch - 1, epoch]) {
    let heard = 0;
    for (let page = 0; page <= CROWD / 65_536; page += 1) heard += await redis.command('BITCOUNT', `fg:{${EVENT}}:there:${of}:${page}`);
    most = Math.max(most, heard);
  }
  if (most < CROWD) throw new Error(`Redis has ${most} marks of ${CROWD}`);
  add({ name: 'signs of life of ten million visitors, sent to Redis by each loop', value: seconds, unit: 's', atMost: EPOCH_S / 3, note: `a third of an epoch; ${TELLERS} loops at the pace of ${Math.max(...LOOPS)}, with polls going on; Redis had ${percent.toFixed(0)} % of a core to do` });
}

async function pollUs(fronts, ticket) {
  const before = fronts.map((front) => cpuUs(front.child.pid));
  const reports = await Promise.all(
    fronts.map((front) =>
      wrk({
        url: `http://127.0.0.1:${front.port}/v1/queue/${EVENT}/me`,
        core: LOAD_CORE,
        env: { WRK_BEARER: ticket },
        connections: 64 / fronts.length,
      }),
    ),
  );
  const used = fronts.reduce((sum, front, nth) => sum + cpuUs(front.child.pid) - before[nth], 0);
  return used / reports.reduce((sum, report) => sum + report.requests, 0);
}

async function growth({ add, front, redis, ticket }) {
  const curve = { poll: [], tick: [], front: [], redis: [] };
  const samples = [];
  for (const places of PLACES) {
    const given = await fill(front, places, samples);
    curve.poll.push([given, await pollUs([front], ticket)]);
    curve.tick.push([given, (await scriptUs(redis, () => delay(2_000))).us]);
    curve.front.push([given, rssKb(front.child.pid) / 1024]);
    curve.redis.push([given, (await memory(redis)) / 1e6]);
  }
  const rises = (points) => points.at(-1)[1] / points[0][1];
  const each = `${PLACES.join(', ')} places`;
  add({ name: 'a poll with a million places given, of one with a thousand', value: rises(curve.poll), note: `us of CPU a poll, ${each}: ${list(curve.poll)}` });
  add({ name: 'a tick at Redis, the same', value: rises(curve.tick), note: `us a tick, ${each}: ${list(curve.tick)}` });
  add({ name: 'memory of the front, the same', value: rises(curve.front), note: `MB, ${each}: ${list(curve.front)}` });
  add({ name: 'memory of Redis with a million places given', value: curve.redis.at(-1)[1], unit: 'MB', note: `keys of joins, kept for their time, are most of it; ${each}: ${list(curve.redis)}` });
  add({ name: 'joins a second while a million come', value: spread(samples.map(({ rate }) => rate)), unit: '/s', note: refusals(samples) });
}

async function scaling({ scope, add, redis, secrets, front, ticket }) {
  const two = await startFront(scope, redis, secrets, { http: { loops: 2 } });
  const second = await startFront(scope, redis, secrets);
  const taken = await inTurns(
    {
      one: () => pollUs([front], ticket),
      loops: () => pollUs([two], ticket),
      fronts: () => pollUs([front, second], ticket),
    },
    ROUNDS,
  );
  add({ name: 'a poll with two loops, of one loop', value: ratio(taken, 'loops', 'one'), note: 'processor time; both loops share one core here, so only what they lose to each other shows' });
  add({ name: 'a poll with two fronts, of one front', value: ratio(taken, 'fronts', 'one'), note: 'the same, two processes' });
}

// ---- events that have ended ----

const LIVE = 100;
const ENDED = Number(process.env.BENCH_ENDED ?? 9_900); // with these, a busy year
const QUIET_MS = 10_000;

async function eachOf(count, work, at_once = 8) {
  let next = 0;
  await Promise.all(Array.from({ length: at_once }, async () => {
    while (next < count) await work(next++);
  }));
}

// On a busy machine a request may get a 503 although it was executed. Repeating it is safe, and may return `done`.
async function said(ask, what, good, done = good) {
  for (let tries = 0; ; tries += 1) {
    const { status, text } = await ask();
    if (status === good || (tries > 0 && status === done)) return;
    if (status !== 503 || tries === 20) throw new Error(`${what}: ${status} ${text}`);
    await delay(250);
  }
}

// Script calls per second at Redis, and CPU of the front, without any request.
async function idle(front, redis) {
  const asked = async () => (await redis.commandCalls()).evalsha; // all calls by fronts are scripts
  const [calls, cpu, began] = [await asked(), cpuUs(front.child.pid), performance.now()];
  await delay(QUIET_MS);
  const seconds = (performance.now() - began) / 1000;
  return { calls: ((await asked()) - calls) / seconds, cpu: (cpuUs(front.child.pid) - cpu) / seconds / 1000 };
}

const memory = async (redis) => Number(/used_memory:(\d+)/.exec(await redis.command('INFO', 'memory'))[1]);

// Ends an event as a year of operation does: closed and archived. sweepAll() then does what happens a week later.
async function endOne(front, id) {
  const at = `/admin/events/${id}`;
  await said(() => front.admin.put(at, { body: { name: `Night ${id}`, opens_at: '2027-05-01T19:00:00Z' } }), `create ${id}`, 201, 200);
  await said(() => front.admin.post(`${at}/actions/close`), `close ${id}`, 200, 409);
  await said(() => front.admin.post(`${at}/actions/archive`, { headers: { 'If-Match': '"2"' } }), `archive ${id}`, 200);
}

async function sweepAll(redis) {
  await until('all to be swept', async () => {
    for (const chore of await redis.command('ZRANGE', '{fg:events}:chores', '0', '999')) await redis.command('ZADD', '{fg:events}:chores', '1', chore);
    return (await redis.command('ZCARD', '{fg:events}:chores')) === 0 && (await redis.command('ZCARD', '{fg:events}:rests')) === 0;
  }, { timeoutMs: 600_000 });
}

export async function endings({ scope, add, secrets }) {
  const redis = await startRedis(scope);
  pin(redis.child.pid, LOAD_CORE);
  const front = await startFront(scope, redis, secrets);
  await eachOf(LIVE, async (n) => {
    await said(() => front.admin.put(`/admin/events/live-${n}`, { body: { name: `Live ${n}` } }), 'create', 201, 200);
    await said(() => front.admin.post(`/admin/events/live-${n}/actions/open`), 'open', 200, 409);
  });
  const few = { ...(await idle(front, redis)), memory: await memory(redis) };
  await eachOf(ENDED, (n) => endOne(front, `over-${n}`));
  await sweepAll(redis);
  const many = { ...(await idle(front, redis)), memory: await memory(redis) };
  const began = performance.now();
  const late = await startFront(scope, redis, secrets);
  const took = performance.now() - began;
  await said(() => late.http.get(`/v1/queue/live-${LIVE - 1}/status`), 'the last of those that run', 200);
  const note = `${LIVE} run, ${ENDED} have ended, were archived and swept`;
  add({ name: 'Redis memory of an event that has ended', value: (many.memory - few.memory) / ENDED, unit: 'B', atMost: 9_000, note });
  add({ name: `commands a second of Redis with ${ENDED} ended events, of none`, value: many.calls / few.calls, atMost: 1.05, note: `${few.calls.toFixed(0)} and ${many.calls.toFixed(0)} a second; one front, nobody asks` });
  add({ name: 'processor time of an idle front, the same', value: many.cpu / few.cpu, atMost: 1.25, note: `${few.cpu.toFixed(1)} and ${many.cpu.toFixed(1)} ms a second` });
  add({ name: 'start of a front with all of them', value: took, unit: 'ms', atMost: 3_000, note: 'until it is ready: it knows what runs' });
}

export default async function suite({ scope, add }) {
  const secrets = makeSecrets(scope);
  const redis = await startRedis(scope);
  pin(redis.child.pid, LOAD_CORE);
  const front = await startFront(scope, redis, secrets);
  await openEvent(front);
  const { ticket } = (await front.http.post(`/v1/queue/${EVENT}/join`, {})).json;
  const world = { scope, add, redis, secrets, front, ticket };
  await scaling(world);
  await growth(world);
  await endings(world);
  await loops(world);
  await marks(world);
}
