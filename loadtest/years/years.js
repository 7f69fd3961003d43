// What is left of PostgreSQL after years: events that are over, an order after the other, until the minutes are
// over; then each statement's plan, and the cost of a reconciliation as rows grow. README.md next to
// this file has the figures.
//
//   node loadtest/years/years.js [--minutes 10] [--orders 5000000] [--large 100000]

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { openScope, psqlPath, startPostgres } from '../../tests/lib-js/index.js';
import { median } from '../bench/lib/compare.js';
import { readersOfAll, statementsOf } from './plans.js';
import { HELPERS, migrate, payRows, seatRows } from './rows.js';

const ORDERS_AN_EVENT = 5000;
const WRITERS = 2; // events that are written side by side
const RUNS = 5;
const SLICE = 5000; // as payment-adapter's saga/reconcile.c
const ROOM = 50_000;

const option = (fallback) => ({ type: 'string', default: fallback });
const options = parseArgs({ options: { minutes: option('10'), orders: option('5000000'), large: option('100000') } }).values;
const loadMs = Number(options.minutes) * 60_000;
const ordersMax = Number(options.orders);
const large = Number(options.large); // rows

// The server's processor time of some runs as they follow each other in a quiet hour: other work on the machine
// does not change it. The kernel counts it in hundredths of a second.
function reconcileRuns(postgres) {
  const texts = Object.fromEntries(statementsOf('payment-adapter').map(({ name, text }) => [name, text]));
  const prepared = ['reconcile_collect', 'reconcile_drift'].map((name) => `PREPARE ${name} AS ${texts[name].replace(/;$/, '')};`);
  const ticks = "SELECT 'ticks ' || w[12]::int + w[13]::int FROM string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' ') w;";
  const run = `EXECUTE reconcile_collect (${SLICE}, ${ROOM}); EXECUTE reconcile_drift (120000, 20, 2000, true, 0); ${ticks}`;
  const told = postgres.sql(`SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan;
    ${prepared.join('\n')} ${ticks} ${run.repeat(RUNS)}`, 'pay');
  const marks = told.split('\n').filter((line) => line.startsWith('ticks ')).map((line) => Number(line.slice(6)) / 100);
  return median(marks.slice(1).map((mark, n) => mark - marks[n]));
}

const COUNTS = `SELECT relname AS name, reltuples::bigint AS rows, pg_total_relation_size(oid) AS bytes
  FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND reltuples > 1000 ORDER BY 3 DESC`;

const sum = (all) => all.reduce((total, one) => total + one, 0);
const gb = (bytes) => (bytes / 2 ** 30).toFixed(2);

function tellSizes(postgres, orders) {
  let rows = 0;
  let bytes = 0;
  for (const database of ['pay', 'seats']) {
    for (const table of postgres.rows(COUNTS, database)) {
      console.log(`| ${database}.${table.name} | ${(table.rows / orders).toFixed(2)} | ${(table.bytes / orders).toFixed(0)} |`);
      rows += table.rows;
      bytes += table.bytes;
    }
  }
  console.log(`${orders} orders: ${(rows / 1e6).toFixed(1)} million rows, ${gb(bytes)} GB, ${(bytes / orders).toFixed(0)} bytes an order;`
    + ` 100 million rows are ${((orders * 1e8) / rows / 1e6).toFixed(1)} million orders and ${gb((bytes * 1e8) / rows)} GB`);
}

async function write(postgres, text, database) {
  const argv = ['-h', postgres.socketDir, '-p', String(postgres.port), '-U', 'postgres', '-d', database, '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', '-'];
  const psql = spawn(psqlPath(), argv, { stdio: ['pipe', 'ignore', 'inherit'] });
  psql.stdin.end(text);
  const [code] = await once(psql, 'exit');
  if (code !== 0) throw new Error(`psql ended with ${code}`);
}

async function writeEvent(postgres, no) {
  const last = no * ORDERS_AN_EVENT;
  const event = { no, first: last - ORDERS_AN_EVENT + 1, last, days: Math.max(2, 3000 - no) };
  await write(postgres, payRows(event), 'pay');
  await write(postgres, seatRows(event), 'seats');
}

// Nothing of this server is to outlive it.
const HASTY = { synchronous_commit: 'off', fsync: 'off', full_page_writes: 'off', wal_level: 'minimal', max_wal_senders: 0, max_wal_size: '8GB' };

async function main(scope) {
  const postgres = await startPostgres(scope, {
    databases: ['pay', 'seats'],
    settings: { ...HASTY, shared_buffers: '2GB', maintenance_work_mem: '256MB' },
  });
  migrate(postgres, 'payment-adapter', 'pay');
  migrate(postgres, 'seat-service', 'seats');
  postgres.sql(HELPERS, 'pay');
  const began = Date.now();
  const took = [];
  let orders = 0;
  for (let no = 1; Date.now() < began + loadMs && orders < ordersMax; no += WRITERS) {
    await Promise.all(Array.from({ length: WRITERS }, (_, n) => writeEvent(postgres, no + n)));
    orders += WRITERS * ORDERS_AN_EVENT;
    if (Math.log2(orders / ORDERS_AN_EVENT) % 1 === 0) {
      postgres.sql('ANALYZE', 'pay');
      took.push(`${orders} orders: ${reconcileRuns(postgres).toFixed(2)} s`);
    }
  }
  console.log(`written in ${Math.round((Date.now() - began) / 1000)} s`);
  for (const database of ['pay', 'seats']) postgres.sql('VACUUM (ANALYZE)', database);
  tellSizes(postgres, orders);
  took.push(`${orders} orders: ${reconcileRuns(postgres).toFixed(2)} s`);
  console.log(`processor time of a reconciliation's two statements, median of ${RUNS} runs:\n  ${took.join('\n  ')}`);

  const readers = [
    ...readersOfAll(postgres, 'payment-adapter', 'pay', large),
    ...readersOfAll(postgres, 'seat-service', 'seats', large),
  ];
  const count = sum(['payment-adapter', 'seat-service'].map((service) => statementsOf(service).length));
  for (const { service, name, reads } of readers) console.log(`READS ALL ${service} ${name}: ${reads.join('; ')}`);
  console.log(`${count - readers.length} statements find their rows by an index, ${readers.length} read a large table whole`);
  return readers.length === 0 ? 0 : 1;
}

const scope = openScope();
try {
  process.exitCode = await main(scope);
} finally {
  await scope.close();
}
