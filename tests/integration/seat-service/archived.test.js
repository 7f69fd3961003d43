// PostgreSQL's state in the seats' metrics: its WAL archive, and the oldest snapshot.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openScope, startPostgresReplica, until } from '../../lib-js/index.js';
import { hall, holdLock, importHall, openPostgres, openSeats, visitor } from './site.js';

const PREPARES = { max_prepared_transactions: 1 };
const scope = openScope(test);
const dir = scope.tempDir('shelf-');
chmodSync(dir, 0o755);
const shelf = join(dir, 'is-there');
const postgres = await openPostgres(scope, { archive_mode: 'on', archive_command: `test -e ${shelf}`, wal_level: 'replica', ...PREPARES });
postgres.sql('SELECT pg_switch_wal()');
await until('the archiver to have failed', () => Number(postgres.sql('SELECT failed_count FROM pg_stat_archiver')) > 0);
const seats = await openSeats(scope, postgres);

const age = async () => (await seats.metrics()).get('fairgate_database_snapshot_ms');
const counts = async () => {
  const metrics = await seats.metrics();
  return { failures: metrics.get('fairgate_wal_archive_failures_total'), late: metrics.get('fairgate_wal_archive_late_ms') };
};

// It is queried with the first point of each event's series, and every ten seconds.
test('a WAL that cannot be archived is reported, with its age', async () => {
  assert.deepEqual(await counts(), { failures: 0, late: 0 }, 'no event is owned yet');
  await importHall(seats, 'failing', hall());
  const { failures, late } = await until('it to be reported', async () => {
    const now = await counts();
    return now.failures > 0 && now;
  });
  assert.ok(failures <= Number(postgres.sql('SELECT failed_count FROM pg_stat_archiver')));
  const lives = Number(postgres.sql('SELECT (1000 * extract(epoch FROM now() - pg_postmaster_start_time()))::bigint'));
  assert.ok(late > 0 && late <= lives, `the first file is full and not kept, for ${late} ms of ${lives}`);
});

test('once WAL is archived nothing is late, and failures stay counted', async () => {
  writeFileSync(shelf, '');
  await until('all to be kept', () => {
    postgres.sql('CHECKPOINT; SELECT pg_switch_wal()'); // a completed file wakes the archiver
    return postgres.sql('SELECT last_archived_time > last_failed_time FROM pg_stat_archiver') === 't';
  });
  await importHall(seats, 'mended', hall());
  await until('nothing to be late', async () => {
    const { failures, late } = await counts();
    return failures > 0 && late === 0;
  });
});

test('an open snapshot is reported, and commits leave no dead rows behind', async () => {
  const snapshot = await holdLock(scope, postgres, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM seats.owner');
  await importHall(seats, 'snapped', hall());
  const where = () => postgres.sql("SELECT o.ctid FROM seats.owner o JOIN seats.event ON no = event WHERE id = 'snapped'", 'seats');
  await until('an owner', async () => (await visitor(seats, 'snapped').hold({ seats: ['r1s1'] })).status === 201);
  const before = where();
  for (const seat of ['r2s1', 'r3s1', 'r4s1']) assert.equal((await visitor(seats, 'snapped').hold({ seats: [seat] })).status, 201);
  assert.equal(where(), before, 'a commit updates no row');
  await until('its age to be reported', async () => await age() > 1000);
  await snapshot.letGo();
});

test('a prepared transaction is reported by its age, and a snapshot on a replica by the transactions since', async () => {
  const sql = (text) => postgres.sql(text, 'seats');
  sql("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'forgotten'");
  await until('its age to be reported', async () => await age() > 1000);
  sql("ROLLBACK PREPARED 'forgotten'");
  const replica = await startPostgresReplica(scope, postgres, { ...PREPARES, hot_standby_feedback: 'on', wal_receiver_status_interval: '1s' });
  const report = await holdLock(scope, replica, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM seats.owner');
  await until('the primary to know', () => sql('SELECT backend_xmin FROM pg_stat_replication') !== '');
  sql('DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
  await until('the transactions to be reported', async () => await age() >= 20_000);
  await report.letGo();
});
