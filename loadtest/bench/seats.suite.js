// The seats over HTTP: durable holds compared with durable row updates on the same PostgreSQL; the
// hall's picture compared with a file; and a stadium sold out to buyers who all want the best seats,
// observed from outside meanwhile.
//
// fsync and synchronous_commit are on for both sides; WAL flushes are counted to prove it. In the
// measurements with PostgreSQL, servers and load of both sides use both cores.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ROOT, delay, programPath, runCrowd, until } from '../../tests/lib-js/index.js';
import { importHall, openPostgres, openSeats, states } from '../../tests/integration/seat-service/site.js';
import { inMs, inTurns, median, ratio, sameAnswer, sameWork, spread } from './lib/compare.js';
import { cpuUs, pin } from './lib/machine.js';
import { BOTH_CORES, openHall, rush, writePasses } from './lib/rush.js';
import { startNginx } from './lib/nginx.js';
import { preparePlain, runUpdates, SETTINGS, untilAudited, updateScript, walBytes, walSyncs } from './lib/postgres.js';
import { cpuPerRequest } from './lib/wrk.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const BUYERS = Number(process.env.BENCH_BUYERS ?? 30_000);
// Buyers with a hold request in flight at the same time; a sale has thousands.
const CONNECTIONS = 512;
const UPDATE_RUNS = 3 * ROUNDS;
const MORE_LOOKS = 100;
const TWO_BITS = { accept: 'application/octet-stream' };

// Without the rate limit per session: one connection of the load stands for many visitors.
function stadiumDocument() {
  execFileSync('make', ['-s', '-C', ROOT, 'VARIANT=release', 'halls'], { stdio: 'ignore' });
  const document = JSON.parse(readFileSync(join(ROOT, 'build/halls/stadium.json'), 'utf8'));
  document.limits.rate_per_session_per_s = 0;
  return document;
}

// ---- durable holds and durable updates ----

// CPU time of the service and of the backend that writes its journal.
function holdersUs({ postgres, seats }) {
  const backend = postgres.sql(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'fairgate seat-service journal'");
  return cpuUs(seats.child.pid) + cpuUs(Number(backend));
}

const journal = (metrics, name) => metrics.get(`fairgate_journal_${name}_total`);

// One run of the load; the number of holds in the answers must be the number of journaled ones.
async function holds(world, { event, passesFile, area, rate = 0, seconds = SECONDS }) {
  const { postgres, seats } = world;
  const used = holdersUs(world);
  const before = await seats.metrics();
  const [syncs, bytes] = [walSyncs(postgres), walBytes(postgres)];
  const report = await rush({ port: seats.port, event, passesFile, area, rate, seconds, connections: CONNECTIONS });
  report.rps = (report.requests * 1e6) / report.duration_us;
  const after = await seats.metrics();
  const changes = journal(after, 'changes') - journal(before, 'changes');
  sameWork('holds journaled', { answered: report.requests, journaled: changes });
  if (walSyncs(postgres) === syncs) throw new Error('not comparable: the journal flushed nothing');
  report.walBytes = (walBytes(postgres) - bytes) / changes;
  report.cpuUs = (holdersUs(world) - used) / changes;
  report.perCommit = changes / (journal(after, 'commits') - journal(before, 'commits'));
  return report;
}

// The medians of their percentiles.
const latencyOf = (reports) => Object.fromEntries(['p50', 'p90', 'p99'].map((name) =>
  [name, median(reports.map((report) => report.latency_us[name] / 1e3))]));

const placesTaken = (postgres) => Number(postgres.sql('SELECT held FROM area', 'plain'));

async function durable(world) {
  const { add, postgres, seats, dir } = world;
  preparePlain(postgres);
  postgres.sql('CREATE TABLE area (id integer PRIMARY KEY, held bigint NOT NULL); INSERT INTO area VALUES (1, 0)', 'plain');
  const passesFile = join(dir, 'passes');
  const reports = [];
  const updateCpu = [];
  let target;
  const fresh = async (round) => {
    await untilAudited(world.seats);
    target = { event: `bench-${round}`, passesFile };
    await openHall(seats, target.event, { area: 1_000_000, passesFile, connections: CONNECTIONS });
  };
  const taken = await inTurns(
    {
      update: async (round) => (await runUpdates(world, updateScript(3 * round, UPDATE_RUNS), { seconds: SECONDS, cpu: updateCpu })).rps,
      again: async (round) => (await runUpdates(world, updateScript(3 * round + 1, UPDATE_RUNS), { seconds: SECONDS })).rps,
      holds: async () => {
        reports.push(await holds(world, target));
        return reports.at(-1).rps;
      },
      hot: async () => (await runUpdates(world, 'UPDATE area SET held = held + 1 WHERE id = 1;\n', { seconds: SECONDS, changed: placesTaken })).rps,
      area: async () => (await holds(world, { ...target, area: 'floor' })).rps,
    },
    ROUNDS,
    fresh,
  );
  const perCommit = reports.map((report) => report.perCommit);
  const latency = latencyOf(reports);
  add({ name: 'durable: UPDATE of a free row, 16 clients', value: spread(taken.update), unit: '/s' });
  add({ name: 'durable: null against null, UPDATE and itself', value: ratio(taken, 'again', 'update') });
  add({ name: 'durable: holds', value: spread(taken.holds), unit: '/s' });
  add({ name: 'durable: holds of UPDATE', value: ratio(taken, 'holds', 'update'), unit: 'x', atLeast: 4 });
  const cpu = { update: updateCpu, hold: reports.map((report) => report.cpuUs) };
  add({ name: 'durable: CPU of a hold, service and journal', value: spread(cpu.hold), unit: 'us' });
  add({
    name: 'durable: CPU of an UPDATE, of a hold',
    value: ratio(cpu, 'update', 'hold'),
    unit: 'x',
    note: 'its backends alone, without pgbench; on a shared machine this ratio stands, rates do not',
  });
  add({ name: 'durable: holds in a commit', value: spread(perCommit) });
  add({ name: 'durable: log of a hold of one seat', value: spread(reports.map((report) => report.walBytes)), unit: 'B', atMost: 50 });
  add({
    name: `durable: a hold at full load, ${CONNECTIONS} connections`,
    value: latency.p99,
    unit: 'ms',
    latency,
    note: 'p99; closed loop',
  });
  add({ name: 'durable: places of an area of UPDATE of a hot row', value: ratio(taken, 'area', 'hot'), unit: 'x', atLeast: 25 });
  return { ...target, peak: median(taken.holds), updates: median(taken.update) };
}

// An open loop at half of the peak: every hold has its own due time, whatever happens to others.
// The checkpoint makes PostgreSQL reuse its WAL files, as a server does that has run for a day. A new
// file is first filled with zeros and flushed, and all commits wait for that.
// `update`: UPDATEs at half of their own peak, as this machine's baseline for such a loop.
async function halfOfPeak(world, { event, passesFile, peak, updates }) {
  const rate = Math.round(peak / 2), half = Math.round(updates / 2);
  const runs = [];
  await untilAudited(world.seats);
  world.postgres.sql('CHECKPOINT');
  const taken = await inTurns(
    {
      update: async (round) => (await runUpdates(world, updateScript(3 * round + 2, UPDATE_RUNS), { seconds: SECONDS, rate: half })).p99Us / 1e3,
      holds: async () => {
        runs.push(await holds(world, { event, passesFile, area: 'floor', rate }));
        return runs.at(-1).latency_us.p99 / 1e3;
      },
    },
    ROUNDS,
  );
  for (const { requests, duration_us } of runs)
    sameWork('holds of the open loop', { due: rate, answered: (requests * 1e6) / duration_us }, 0.02);
  const latency = latencyOf(runs);
  world.add({ name: 'durable: p99 at half of the peak', value: latency.p99, unit: 'ms', latency, note: `${rate} a second; open loop over kept connections; the median of the runs` });
  world.add({ name: 'durable: p99 of an UPDATE at half of its peak', value: spread(taken.update), unit: 'ms', note: `${half} a second` });
  world.add({ name: 'durable: p99 of a hold, of an UPDATE', value: ratio(taken, 'holds', 'update'), unit: 'x', atMost: 1.5 });
}

// ---- the picture of the hall ----

async function snapshot({ scope, add, seats, dir }) {
  const event = 'picture';
  await importHall(seats, event, stadiumDocument());
  const url = `http://127.0.0.1:${seats.port}/v1/seats/${event}/availability`;
  const token = seats.office.pass(event, { ttl: 3600 });
  const headers = { authorization: `Bearer ${token}`, ...TWO_BITS };
  const body = Buffer.from(await (await fetch(url, { headers })).arrayBuffer());
  add({ name: 'picture of 66,000 seats', value: body.length, unit: 'B', atMost: 17 * 1024 });
  writeFileSync(join(dir, 'picture'), body, { mode: 0o644 });
  const nginx = await startNginx(scope, 0, `root ${dir}; try_files /picture =404;`);
  const file = `http://127.0.0.1:${nginx.port}/`;
  await sameAnswer('the picture', { ours: [url, headers], nginx: [file] });
  pin(seats.child.pid, 0);
  const cost = (pid, options) => cpuPerRequest(pid, { seconds: Math.min(2, SECONDS), ...options });
  const env = { WRK_BEARER: token, WRK_ACCEPT: TWO_BITS.accept };
  const taken = await inTurns(
    {
      ours: () => cost(seats.child.pid, { url, env }),
      nginx: () => cost(nginx.pid, { url: file }),
    },
    ROUNDS,
  );
  pin(seats.child.pid, BOTH_CORES);
  add({ name: 'picture: CPU per GET', value: spread(taken.ours), unit: 'us' });
  add({ name: 'picture: of nginx serving such a file', value: ratio(taken, 'ours', 'nginx'), atMost: 1.1 });
}

// ---- the sell-out ----

// Reads the hall as visitors do until it is stopped, and checks that sold seats stay sold and that
// versions only rise.
function watchHall(seats, event, count) {
  const headers = { authorization: `Bearer ${seats.office.pass(event, { ttl: 3600 })}`, ...TWO_BITS };
  const seen = { looks: 0, sold: new Uint8Array(count), version: -1, over: false };
  const look = async () => {
    const answer = await fetch(`http://127.0.0.1:${seats.port}/v1/seats/${event}/availability`, { headers });
    const version = Number(/\d+/.exec(answer.headers.get('etag'))[0]);
    const now = states(Buffer.from(await answer.arrayBuffer()), count);
    if (version < seen.version) throw new Error(`audit: version ${version} after ${seen.version}`);
    seen.version = version;
    now.forEach((state, seat) => {
      if (seen.sold[seat] === 1 && state !== 'sold') throw new Error(`audit: sold seat ${seat} is ${state}`);
      seen.sold[seat] = state === 'sold' ? 1 : 0;
    });
    seen.looks += 1;
  };
  const ended = (async () => {
    while (!seen.over) {
      await look();
      await delay(200);
    }
    await look();
  })();
  ended.catch(() => {}); // reported by stop()
  return {
    // The picture shows the last sale only after a moment.
    stop: async (wanted) => {
      seen.over = true;
      await ended;
      const sold = () => seen.sold.reduce((sum, one) => sum + one, 0);
      for (let more = 0; sold() !== wanted && more < MORE_LOOKS; more += 1) await look();
      return { looks: seen.looks, sold: sold() };
    },
  };
}

async function audit(world, event, run, watched) {
  const { seats, postgres } = world;
  const sold = (await seats.admin.get(`/admin/events/${event}/export`, { timeoutMs: 60_000 })).json;
  const distinct = new Set(sold.map(({ seat }) => seat)).size;
  const rows = Number(postgres.sql(
    `SELECT count(*) FROM seats.sold JOIN seats.event ON no = sold.event WHERE id = '${event}'`, 'seats'));
  sameWork('the count of sold seats', {
    buyers: run.seats_sold, exported: sold.length, distinct, table: rows, picture: watched.sold,
  });
  const replayed = spawnSync(programPath('seat-service'), ['replay', '--config', seats.configPath, '--event', event], { encoding: 'utf8', timeout: 60_000 });
  if (replayed.status !== 0) throw new Error(`audit: the journal's chain: ${replayed.stdout}${replayed.stderr}`);
}

// All buyers come within a second: the longer they take to arrive, the less of the figure is the service's
// time. Their own pauses take some seconds even if each answer comes at once.
async function sellOut(world, updates) {
  const { scope, add, seats, dir } = world;
  const event = 'sellout';
  await importHall(seats, event, stadiumDocument());
  const passesFile = join(dir, 'buyers');
  writePasses(passesFile, seats.office, event, BUYERS);
  const count = 66_000;
  const watcher = watchHall(seats, event, count);
  const began = performance.now();
  const run = await runCrowd(scope, {
    scenario: 'seats',
    settings: {
      crowd: { event, visitors: BUYERS, within: '1s', patience: '80s' },
      journey: { to: 'sold', choice: 'mixed', party_max: 4 },
      targets: {
        seats: `127.0.0.1:${seats.port}`,
        saga: `127.0.0.1:${seats.privatePort}`,
        service_token_file: seats.secrets.path('service-token'),
        passes_file: passesFile,
      },
    },
    timeoutMs: 100_000,
  });
  const wall = (performance.now() - began) / 1000;
  const watched = await watcher.stop(run.seats_sold);
  if (run.ended.failed > 0 || run.ended.waiting > 0) throw new Error(`sell-out: ${JSON.stringify(run.ended)}\n${run.log().slice(0, 2000)}`);
  await audit(world, event, run, watched);
  const seconds = run.seconds_milli / 1e3;
  const took = inMs(run.took_us.hold);
  add({ name: `sell-out: ${BUYERS.toLocaleString('en')} buyers, until the last has gone`, value: seconds, unit: 's', note: `${watched.looks} audits in ${wall.toFixed(0)} s` });
  add({ name: 'sell-out: of the time of one UPDATE for each buyer', value: (seconds * updates) / BUYERS, unit: 'x', atMost: 6, note: 'each has holds, a payment and a confirmation, and pauses of their own' });
  add({ name: 'sell-out: seats sold', value: run.seats_sold, note: 'the rest is kept for the site, wheelchairs, and who came too late' });
  add({ name: 'sell-out: seats a second', value: run.seats_sold / seconds, unit: '/s' });
  add({ name: 'sell-out: a hold, p99', value: took.p99, unit: 'ms', latency: took });
  add({ name: 'sell-out: conflicts', value: run.seat_conflicts });
  return event;
}

// The time from the start after a crash until the process is ready, which it is once its first event is
// open, and until its last event is open.
async function afterACrash({ add, seats }) {
  await seats.kill();
  const began = performance.now();
  await seats.start();
  add({ name: 'kill -9 to ready', value: (performance.now() - began) / 1000, unit: 's' });
  await until('all events to be open', async () => (await seats.admin.get('/admin/events')).json.events.every(({ open }) => open));
  add({ name: 'kill -9 to the last event open, all of this run', value: (performance.now() - began) / 1000, unit: 's' });
}

export default async function suite({ scope, add }) {
  const postgres = await openPostgres(scope, SETTINGS);
  const seats = await openSeats(scope, postgres, { config: { http: { loops: 1 } } });
  const dir = scope.tempDir('bench-');
  const world = { scope, add, postgres, seats, dir };
  const found = await durable(world);
  await halfOfPeak(world, found);
  await untilAudited(world.seats);
  await snapshot(world);
  await sellOut(world, found.updates);
  await afterACrash(world);
}
