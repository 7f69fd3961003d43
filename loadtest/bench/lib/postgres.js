// pgbench on both cores, and the end of the seat service's own work after a load.

import { until } from '../../../tests/lib-js/index.js';
import { runPinned } from './machine.js';
import { BOTH_CORES } from './rush.js';

// With these no checkpoint falls into a run.
export const SETTINGS = { shared_buffers: '256MB', min_wal_size: '4GB', max_wal_size: '4GB', checkpoint_timeout: '30min' };

// -> transactions done, and a second
export async function runPgbench(postgres, { file, database, clients, seconds }) {
  const where = ['-h', postgres.socketDir, '-p', String(postgres.port), '-U', 'postgres'];
  const how = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds), '-D', 'n=0'];
  const out = await runPinned(BOTH_CORES, [`${postgres.bin}/pgbench`, ...where, ...how, '-f', file, database]);
  return { done: Number(/actually processed: (\d+)/.exec(out)[1]), rps: Number(/tps = ([\d.]+)/.exec(out)[1]) };
}

// Snapshots and reports are made when a rush is over: those of the last rush are waited for, or they would disturb the
// next measurement.
export async function untilAudited(seats) {
  await until('the auditor to be through', async () => {
    const metrics = await seats.metrics();
    return metrics.get('fairgate_auditor_changes_total') >= metrics.get('fairgate_journal_changes_total');
  }, { timeoutMs: 60_000 });
}
