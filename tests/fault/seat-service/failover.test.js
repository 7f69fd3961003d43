// The primary's machine is lost and its replica is promoted. With synchronous replication no acknowledged hold is lost.
// (journal_test.c tests the owner whose replica was behind.)

import test from 'node:test';
import { openScope, seededRng, startPostgresReplica, until } from '../../lib-js/index.js';
import { hall, importHall, openPostgres, openSeats } from '../../integration/seat-service/site.js';
import { judgeJournal, Ledger } from './ledger.js';

const SIZE = { rows: 40, seatsPerRow: 40 };
const SEATS = SIZE.rows * SIZE.seatsPerRow;
const EVENT = 'failover-night';

const both = (a, b) => ({
  conninfo: (database, role) =>
    `host=${a.socketDir},${b.socketDir} port=${a.port},${b.port} dbname=${database} user=${role} ` +
    'target_session_attrs=read-write',
});

async function openPair(t) {
  const scope = openScope(t);
  const primary = await openPostgres(scope);
  const replica = await startPostgresReplica(scope, primary);
  primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'second'");
  primary.sql('SELECT pg_reload_conf()');
  await until('the replica to be in step', () =>
    primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") === '1');
  const seats = await openSeats(scope, both(primary, replica));
  await importHall(seats, EVENT, hall({ ...SIZE, limits: { orphan_rule: false } }));
  return { primary, replica, seats };
}

// judges: confirmed
test('a promoted synchronous replica has every hold that was answered', async (t) => {
  const rng = seededRng(t);
  const { primary, replica, seats } = await openPair(t);
  const ledger = new Ledger(seats, EVENT, rng);
  ledger.start(24);
  await until('holds to be answered', () => ledger.answers.get(201) > 20);
  await primary.kill();
  replica.sql('SELECT pg_promote()');
  const before = ledger.answers.get(201);
  await until('holds to be answered again', () => ledger.answers.get(201) > before + 20);
  await ledger.stop();
  t.diagnostic(JSON.stringify(await ledger.judge(seats, SEATS)));
  judgeJournal(replica);
});
