// Runs pgbench on both cores, with durable UPDATEs; waits until the seat service has finished its work after a load.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { until } from '../../../tests/lib-js/index.js';
import { sameWork } from './compare.js';
import { runPinned, timesUs } from './machine.js';
import { BOTH_CORES } from './rush.js';

// With these settings no checkpoint starts during a run.
export const SETTINGS = { shared_buffers: '256MB', min_wal_size: '4GB', max_wal_size: '4GB', checkpoint_timeout: '30min' };

// Returns the number of transactions and their rate. `rate` makes it an open loop: p99Us then counts from each due time.
export async function runPgbench(postgres, { file, database, clients, seconds, rate = 0 }) {
  const where = ['-h', postgres.socketDir, '-p', String(postgres.port), '-U', 'postgres'];
  const how = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds), '-D', 'n=0'];
  const paced = rate > 0 ? ['-R', String(rate), '-l', '--log-prefix', `${file}.log`] : [];
  const out = await runPinned(BOTH_CORES, [`${postgres.bin}/pgbench`, ...where, ...how, ...paced, '-f', file, database]);
  const logs = readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.log`)).map((name) => join(dirname(file), name));
  const took = logs.flatMap((log) => readFileSync(log, 'utf8').trimEnd().split('\n')).map((line) => Number(line.split(' ')[2]));
  for (const log of logs) rmSync(log);
  const p99Us = took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)];
  return { done: Number(/actually processed: (\d+)/.exec(out)[1]), rps: Number(/tps = ([\d.]+)/.exec(out)[1]), p99Us };
}

// ---- durable UPDATEs of one row each: this machine's limit for the least data that must reach the disk ----

export const CLIENTS = 16;
const ROWS = 2_400_000;
const SCATTER = 7919; // coprime to the number of rows per client

export function preparePlain(postgres) {
  postgres.sql('CREATE DATABASE plain');
  postgres.sql(
    `CREATE TABLE seat (id integer PRIMARY KEY, state text NOT NULL, hold bigint);
     INSERT INTO seat SELECT i, 'free' FROM generate_series(1, ${ROWS}) i;
     VACUUM ANALYZE seat; CHECKPOINT`,
    'plain',
  );
}

export const rowsHeld = (postgres) => Number(postgres.sql("SELECT count(*) FROM seat WHERE state = 'held'", 'plain'));
export const walBytes = (postgres) => Number(postgres.sql("SELECT pg_current_wal_lsn() - '0/0'"));
export const walSyncs = (postgres) => Number(postgres.sql('SELECT wal_sync FROM pg_stat_wal'));

// CPU time of the ended backends, which include pgbench's after its run.
const endedUs = (postgres) => timesUs(postgres.child.pid).ended;

// Runs transactions and checks that each changed one row; `changed` counts the changed rows.
export async function runUpdates({ postgres, dir }, script, { seconds, changed = rowsHeld, cpu = [], rate }) {
  const file = join(dir, 'script.sql');
  writeFileSync(file, script);
  const before = changed(postgres);
  const syncs = walSyncs(postgres);
  const usedBefore = endedUs(postgres);
  const run = await runPgbench(postgres, { file, database: 'plain', clients: CLIENTS, seconds, rate });
  cpu.push((endedUs(postgres) - usedBefore) / run.done);
  sameWork('rows changed by pgbench', { transactions: run.done, rows: changed(postgres) - before });
  if (walSyncs(postgres) === syncs) throw new Error('not comparable: pgbench flushed nothing');
  return run;
}

// The script of the nth of `runs` runs. Each client updates its own rows in scattered order, as buyers do, and none
// twice, so that every transaction finds a free row.
export function updateScript(nth, runs) {
  const share = ROWS / CLIENTS;
  const from = Math.floor((nth * share) / runs);
  return `\\set n :n + 1
\\set id 1 + :client_id * ${share} + (${from} + :n) * ${SCATTER} % ${share}
UPDATE seat SET state = 'held', hold = :id WHERE id = :id AND state = 'free';
`;
}

// Snapshots and reports are made after a rush. Waits for those of the last rush, which would disturb the next
// measurement.
export async function untilAudited(seats) {
  await until('the auditor to be through', async () => {
    const metrics = await seats.metrics();
    return metrics.get('fairgate_auditor_changes_total') >= metrics.get('fairgate_journal_changes_total');
  }, { timeoutMs: 60_000 });
}
