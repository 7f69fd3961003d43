// pgbench on both cores, and the end of the seat service's own work after a load.

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { until } from '../../../tests/lib-js/index.js';
import { runPinned } from './machine.js';
import { BOTH_CORES } from './rush.js';

// With these no checkpoint falls into a run.
export const SETTINGS = { shared_buffers: '256MB', min_wal_size: '4GB', max_wal_size: '4GB', checkpoint_timeout: '30min' };

// -> transactions done, and a second; with a `rate`, of an open loop: each counts from the instant at which it was due
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

// Snapshots and reports are made when a rush is over: those of the last rush are waited for, or they would disturb the
// next measurement.
export async function untilAudited(seats) {
  await until('the auditor to be through', async () => {
    const metrics = await seats.metrics();
    return metrics.get('fairgate_auditor_changes_total') >= metrics.get('fairgate_journal_changes_total');
  }, { timeoutMs: 60_000 });
}
