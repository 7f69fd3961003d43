// Rivals: a durable hold of one free seat by the usual means. These are a row lock in PostgreSQL (by
// number, or the next free row with SKIP LOCKED), a script in Redis, and a Node service over
// PostgreSQL. All use the same PostgreSQL, or a Redis that flushes before it answers. They take turns
// in one run, on both cores, together with their load.
//
// The work is to hold a free seat, on disk before the answer. It is counted where it is stored (rows,
// fields, journal), not by the answers. Our service does more: it checks a pass and the rules of the
// row, and answers over HTTP, while pgbench and redis-benchmark talk to their servers directly. All
// load programs are written in C, since they share the cores with the servers: a script in wrk costs
// three times as much as `rush`.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, freePort, startRedis, until } from '../../tests/lib-js/index.js';
import { openPostgres, openSeats } from '../../tests/integration/seat-service/site.js';
import { inTurns, ratio, sameWork, spread } from './lib/compare.js';
import { runPinned } from './lib/machine.js';
import { runPgbench, SETTINGS, untilAudited } from './lib/postgres.js';
import { BOTH_CORES, HALL, openHall, rush, SEATS } from './lib/rush.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const CONNECTIONS = 128;
const CLIENTS = 16;
const REDIS_RANGE = 1e9; // seat numbers; so many that hardly any is drawn twice

function prepare(postgres) {
  postgres.sql('CREATE DATABASE rivals');
  postgres.sql(
    `CREATE TABLE seat (id integer PRIMARY KEY, label text NOT NULL UNIQUE, state text NOT NULL);
     CREATE TABLE hold (id bigserial PRIMARY KEY, seat integer NOT NULL, expires_at timestamptz NOT NULL)`,
    'rivals',
  );
}

// Frees all seats; runs before each turn.
function refill(postgres) {
  postgres.sql(
    `TRUNCATE seat, hold;
     INSERT INTO seat SELECT (r - 1) * ${HALL.seatsPerRow} + s, 'r' || r || 's' || s, 'free'
       FROM generate_series(1, ${HALL.rows}) r, generate_series(1, ${HALL.seatsPerRow}) s;
     CREATE INDEX IF NOT EXISTS seat_free ON seat (id) WHERE state = 'free';
     VACUUM ANALYZE seat; CHECKPOINT`,
    'rivals',
  );
}

const rowsHeld = (postgres) => Number(postgres.sql("SELECT count(*) FROM seat WHERE state = 'held'", 'rivals'));

async function pgbench({ postgres, dir }, script) {
  refill(postgres);
  const file = join(dir, 'rival.sql');
  writeFileSync(file, script);
  const { done, rps } = await runPgbench(postgres, { file, database: 'rivals', clients: CLIENTS, seconds: SECONDS });
  sameWork('seats held by pgbench', { transactions: done, rows: rowsHeld(postgres) });
  return rps;
}

const BY_NUMBER = `\\set n :n + 1
\\set id 1 + :client_id * ${SEATS / CLIENTS} + :n % ${SEATS / CLIENTS}
UPDATE seat SET state = 'held' WHERE id = :id AND state = 'free';
`;
const NEXT_FREE = `BEGIN;
SELECT id FROM seat WHERE state = 'free' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED \\gset
UPDATE seat SET state = 'held' WHERE id = :id;
COMMIT;
`;

async function redisScript({ redis }) {
  await redis.command('FLUSHALL');
  const script = readFileSync(join(ROOT, 'loadtest/rivals/hold.lua'), 'utf8');
  const sha = await redis.command('SCRIPT', 'LOAD', script);
  // A short run measures the rate, which gives the number of calls that fit into the time.
  const run = async (count) => {
    const out = await runPinned(BOTH_CORES, [
      'redis-benchmark', '-s', redis.socket, '-c', String(CONNECTIONS), '-n', String(count), '-r', String(REDIS_RANGE),
      '--csv', 'EVALSHA', sha, '2', 'seats', 'expiries', '__rand_int__', 'buyer', '1700000000',
    ]);
    return Number(out.trim().split('\n').at(-1).split(',')[1].replaceAll('"', ''));
  };
  const pace = await run(2000);
  await redis.command('FLUSHDB'); // runs that begin in the same second draw the same numbers
  const count = Math.max(2000, Math.round(pace * SECONDS));
  const rate = await run(count);
  const held = Number(await redis.command('HLEN', 'seats'));
  sameWork('seats held in Redis', { asked: count, held }, 0.01);
  return rate;
}

// Sends the same requests to either server; `counted` returns how many seats are held.
async function overHttp(port, target, counted) {
  const before = await counted();
  const report = await rush({ port, ...target, connections: CONNECTIONS, seconds: SECONDS });
  sameWork('seats held over HTTP', { answered: report.requests, held: (await counted()) - before });
  return (report.requests * 1e6) / report.duration_us;
}

async function startNode(scope, postgres) {
  const port = await freePort();
  scope.spawn('reservation', [
    'node', join(ROOT, 'loadtest/rivals/reservation.js'), String(port), postgres.socketDir, String(postgres.port), 'rivals',
  ]);
  await until('the Node service to answer', async () => (await fetch(`http://127.0.0.1:${port}/`)).ok);
  return port;
}

export default async function suite({ scope, add }) {
  const postgres = await openPostgres(scope, SETTINGS);
  const seats = await openSeats(scope, postgres, { config: { http: { loops: 1 } } });
  const redis = await startRedis(scope, { settings: { appendfsync: 'always' } });
  const dir = scope.tempDir('rivals-');
  prepare(postgres);
  refill(postgres);
  const nodePort = await startNode(scope, postgres);
  const world = { postgres, redis, dir };

  const passesFile = join(dir, 'passes');
  let target;
  const fresh = async (round) => {
    target = { event: `rival-${round}`, passesFile };
    await openHall(seats, target.event, { area: 1, passesFile, connections: CONNECTIONS });
  };
  const journaled = async () => (await seats.metrics()).get('fairgate_journal_changes_total');
  const taken = await inTurns(
    {
      ours: async () => {
        const rate = await overHttp(seats.port, target, journaled);
        await untilAudited(seats);
        return rate;
      },
      update: () => pgbench(world, BY_NUMBER),
      skip: () => pgbench(world, NEXT_FREE),
      redis: () => redisScript(world),
      node: () => {
        refill(postgres);
        return overHttp(nodePort, target, () => rowsHeld(postgres));
      },
    },
    ROUNDS,
    fresh,
  );
  add({ name: `one seat held, durable: ours over HTTP, ${CONNECTIONS} connections`, value: spread(taken.ours), unit: '/s' });
  for (const [name, what] of [
    ['update', `UPDATE of a row by its number, ${CLIENTS} clients`],
    ['skip', `SELECT FOR UPDATE SKIP LOCKED and UPDATE, ${CLIENTS} clients`],
    ['redis', `a script in Redis, appendfsync always, ${CONNECTIONS} clients`],
    ['node', `Node and PostgreSQL over HTTP, ${CONNECTIONS} connections, a pool of 16`],
  ]) {
    add({ name: what, value: spread(taken[name]), unit: '/s' });
    add({ name: `ours, of ${what}`, value: ratio(taken, 'ours', name), unit: 'x' });
  }
}
