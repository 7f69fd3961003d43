// PostgreSQL after years: writes finished events into both databases as the services leave them, with 5,000 orders of
// two seats each, BENCH_ORDERS orders in all. Measures a reconciliation each time the orders have doubled. At the end it
// prepares each statement of both services: none may have a plan that reads a large table or index whole.
// The check does not see an index condition that matches too many rows.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { psqlPath, startPostgres } from '../../tests/lib-js/index.js';
import { readersOfAll, statementsOf } from '../years/plans.js';
import { HELPERS, migrate, payRows, seatRows } from '../years/rows.js';
import { median } from './lib/compare.js';

const ORDERS = Number(process.env.BENCH_ORDERS ?? 160_000); // takes a minute per 60,000
const ORDERS_AN_EVENT = 5000;
const WRITERS = 2; // events that are written at the same time
const LARGE = 100_000; // rows
const RUNS = 5;
const SLICE = 5000; // as in payment-adapter's saga/reconcile.c
const ROOM = 50_000;
const SERVICES = [['payment-adapter', 'pay'], ['seat-service', 'seats']];
// This server's data need not survive.
const HASTY = { synchronous_commit: 'off', fsync: 'off', full_page_writes: 'off', wal_level: 'minimal', max_wal_senders: 0, max_wal_size: '8GB', shared_buffers: '2GB', maintenance_work_mem: '256MB' };

export const minutes = 8 + ORDERS / 30_000;

// The server's CPU time of a reconciliation, as the median of consecutive ones without new orders. Unlike elapsed
// time it does not depend on other work on the machine. The kernel counts it in hundredths of a second.
function reconcileMs(postgres) {
  const texts = Object.fromEntries(statementsOf('payment-adapter').map(({ name, text }) => [name, text]));
  const prepared = ['reconcile_collect', 'reconcile_drift'].map((name) => `PREPARE ${name} AS ${texts[name].replace(/;$/, '')};`);
  const ticks = "SELECT 'ticks ' || w[12]::int + w[13]::int FROM string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' ') w;";
  const run = `EXECUTE reconcile_collect (${SLICE}, ${ROOM}); EXECUTE reconcile_drift (120000, 20, 2000, true, 0, NULL, true); ${ticks}`;
  const output = postgres.sql(`SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan;
    ${prepared.join('\n')} ${ticks} ${run.repeat(RUNS)}`, 'pay');
  const marks = output.split('\n').filter((line) => line.startsWith('ticks ')).map((line) => Number(line.slice(6)) * 10);
  return median(marks.slice(1).map((mark, n) => mark - marks[n]));
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

export default async function suite({ scope, add }) {
  const postgres = await startPostgres(scope, { databases: ['pay', 'seats'], settings: HASTY });
  for (const [service, schema] of SERVICES) migrate(postgres, service, schema);
  postgres.sql(HELPERS, 'pay');
  const points = [];
  for (let no = 1, orders = 0; orders < ORDERS; no += WRITERS) {
    await Promise.all(Array.from({ length: WRITERS }, (_, n) => writeEvent(postgres, no + n)));
    orders += WRITERS * ORDERS_AN_EVENT;
    if (orders < ORDERS && Math.log2(orders / ORDERS_AN_EVENT) % 1 !== 0) continue;
    postgres.sql('ANALYZE', 'pay');
    points.push([orders, reconcileMs(postgres)]);
  }
  const [orders, ms] = points.at(-1);
  add({ name: `a reconciliation with ${orders} orders in the tables, of one with ${points[0][0]}`, value: ms / points[0][1], atMost: 5, note: `ms of PostgreSQL's processor time by orders: ${points.map(([many, each]) => `${many}: ${each.toFixed(0)}`).join(', ')}` });

  for (const [, database] of SERVICES) postgres.sql('VACUUM (ANALYZE)', database);
  const sizes = SERVICES.flatMap(([, database]) => postgres.rows(`SELECT reltuples AS rows, pg_total_relation_size(oid) AS bytes
    FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`, database));
  const perOrder = (what) => sizes.reduce((sum, table) => sum + Number(table[what]), 0) / orders;
  add({ name: 'an order of two seats in both databases, with indexes', value: perOrder('bytes'), unit: 'B', note: `${perOrder('rows').toFixed(1)} rows` });

  const readers = SERVICES.flatMap(([service, database]) => readersOfAll(postgres, service, database, LARGE));
  const count = SERVICES.flatMap(([service]) => statementsOf(service)).length;
  add({ name: 'statements that read a large table whole', value: readers.length, atMost: 0, note: `of ${count}${readers.map(({ service, name, reads }) => `; ${service} ${name}: ${reads.join(', ')}`).join('')}` });
}
