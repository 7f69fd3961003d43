// A dump, a report, a forgotten transaction or our own `retire` slows no sale: no commit waits for one of them, and no
// statement of a sale walks over rows that were finished while their snapshots are open. PostgreSQL counts both.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { HELPERS, payRows, seatRows } from '../../loadtest/years/rows.js';
import { openScope, postgresBin, programPath, until } from '../lib-js/index.js';
import { openSite } from '../integration/payment-adapter/lib/site.js';
import { hall, holdLock, openFollower } from '../integration/seat-service/site.js';

const ORDERS = 60;
const DONE = 24_000; // rows of each queue that were finished while the snapshots were open: many more pages than a read writes
const NONE = '/none';
const OLD = { no: 900, first: 900_000, last: 900_039, days: 300 };

const scope = openScope(test);
const world = await openSite(scope, { halls: hall({ rows: 10, seatsPerRow: 20, limits: { orphan_rule: false } }),
  mail: {}, postgres: { shared_preload_libraries: 'pg_stat_statements' } });
const { postgres } = world;
const pays = [world.pay]; // four of each service
for (const n of [1, 2, 3]) {
  pays.push(await world.startPay({ saga: { instance: `payment-adapter-${n}` } }));
  await openFollower(scope, postgres, world.site);
}
// Letters of one customer are delivered in order, and each open one searches for earlier ones: so no customer has many.
const BUYERS = 20;
const buyers = [];
for (let n = 0; n < BUYERS; n++) buyers.push(await world.login(`user${100 + n}@example.com`, undefined, pays[n % 4]));

async function complete(seat, buyer) {
  const visit = world.visit();
  const { json } = await visit.hold({ seats: [seat] });
  await world.bought(buyer, { hold: json.hold, pass: visit.token });
}

const child = (program, args, env = {}) => {
  const started = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  scope.defer(() => started.kill('SIGKILL'));
  return started;
};

// `retire` of a finished event, halted in the middle of its transaction.
async function retire(program, env) {
  const args = ['retire', `event-${OLD.no}`, '--to', scope.tempDir('archive-'), '--halt-at', '2'];
  await until(`${program} to be in the middle of a retire`, async () => { // its owner releases the event first
    const started = child(programPath(program), args, { FAIRGATE_HTTP_PORT: '0', FAIRGATE_PRIVATE_PORT: '0', FAIRGATE_PRIVATE_TOKEN_FILE: NONE, ...env });
    started.stdout.resume();
    const state = () => /^State:\s*(\w)/m.exec(readFileSync(`/proc/${started.pid}/status`, 'utf8'))[1];
    return until('it to halt or to end', () => (started.exitCode === null ? state() === 'T' && 'halted' : 'ended')) .then((how) => how === 'halted');
  }, { timeoutMs: 120_000 });
}

// pg_dump, writing to a reader that does not read.
async function dump(database) {
  child(join(postgresBin(), 'pg_dump'), ['-h', postgres.socketDir, '-p', String(postgres.port), '-U', 'postgres', database]);
  await until(`a dump of ${database} to be under way`, () =>
    postgres.sql(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND datname = '${database}' AND wait_event = 'ClientWrite'`) === '1');
}

// How often rows were updated: per table, above the number of updates in a row's life.
function updatedTooOften(database) {
  return postgres.rows(`SELECT relname, n_tup_upd AS updates, (xpath('/row/n/text()',
      query_to_xml(format('SELECT count(*) AS n FROM %I.%I', schemaname, relname), false, true, '')))[1]::text::bigint AS rows
    FROM pg_stat_user_tables`, database).filter(({ updates, rows }) => Number(updates) > 16 * Number(rows) + 2 * ORDERS);
}

const QUEUES = {
  saga: `INSERT INTO saga (key, subject, data, due_at) SELECT 'none.1', 'q' || i, repeat('x', 900), now() - interval '1 hour' FROM generate_series(1, ${DONE}) i;
    UPDATE saga SET state = 2, ended_at = due_at WHERE key = 'none.1'`,
  shop_outbox: `INSERT INTO shop_outbox (order_id, member, kind, trace, due_at) SELECT (SELECT min(id) FROM orders), 'q' || i, 'q' || i, repeat('x', 900), now() - interval '1 hour' FROM generate_series(1, ${DONE}) i;
    UPDATE shop_outbox SET done_at = now() - interval '1 hour' WHERE kind LIKE 'q%'`,
  mail_outbox: `INSERT INTO mail_outbox (order_id, member, kind, lang, trace, due_at) SELECT (SELECT min(id) FROM orders), 'q' || i, 'q', 'ko', repeat('x', 900), now() - interval '1 hour' FROM generate_series(1, ${DONE}) i;
    UPDATE mail_outbox SET done_at = now() - interval '1 hour' WHERE kind = 'q'`,
};
const OPEN = { saga: 'state < 2 AND NOT parked', shop_outbox: 'done_at IS NULL', mail_outbox: 'done_at IS NULL' };

test('a dump, a forgotten transaction and a retire of both databases slow no sale', async () => {
  await complete('r10s20', buyers[0]);
  postgres.sql(`SET search_path = seats; ${seatRows(OLD)} UPDATE event SET retired_at = now() WHERE no = ${OLD.no};
    INSERT INTO projected SELECT event, seq FROM head WHERE event = ${OLD.no};
    UPDATE document SET body = convert_to('{"starts_at": "2020-01-01T00:00:00Z"}', 'UTF8') WHERE event = ${OLD.no};
    INSERT INTO journal (seq, at, epoch, event, kind, body, chain) SELECT n, now(), 1, 901, 1, decode(repeat('ab', 2000), 'hex'), '' FROM generate_series(1, 2000) n`, 'seats');
  postgres.sql(`SET search_path = pay; ${HELPERS}; ${payRows(OLD)} UPDATE pay.reconciled SET passed_at = now();
    CREATE EXTENSION pg_stat_statements SCHEMA public`, 'pay');
  const forgotten = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1';
  await holdLock(scope, postgres, forgotten);
  await holdLock(scope, postgres, forgotten, 'pay');
  for (const rows of Object.values(QUEUES)) postgres.sql(`SET search_path = pay; BEGIN; ${rows}; COMMIT`, 'pay'); // no service takes a row before it is finished
  await dump('seats');
  await dump('pay');
  await retire('seat-service', { FAIRGATE_POSTGRES_CONNINFO: postgres.conninfo('seats'), FAIRGATE_HOLDS_KEYS_FILE: NONE, FAIRGATE_PASSES_KEYS_FILE: NONE });
  await retire('payment-adapter', { FAIRGATE_DATABASE_CONNINFO: postgres.conninfo('pay'), FAIRGATE_KEYS_TICKETS: NONE, FAIRGATE_KEYS_SERVICE_TOKEN: NONE,
    FAIRGATE_SSO_JWKS_URL: 'http://localhost/', FAIRGATE_PSP_STRIPE_URL: 'http://localhost', FAIRGATE_PSP_STRIPE_KEY: NONE, FAIRGATE_PSP_STRIPE_WEBHOOK_SECRET: NONE });
  postgres.sql('SELECT public.pg_stat_statements_reset()', 'pay');

  const seats = Array.from({ length: ORDERS }, (_, n) => `r${1 + (n % 9)}s${1 + Math.floor(n / 9)}`);
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let seat = seats.pop(); seat !== undefined; seat = seats.pop()) await complete(seat, buyers[seats.length % BUYERS]);
  }));
  await until('letters and mails to be gone', () => postgres.sql(`SELECT (SELECT count(*) FROM pay.shop_outbox WHERE done_at IS NULL)`, 'pay') === '0');

  // All snapshots are still open, and no backend waits for one of them.
  assert.equal(postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE coalesce(backend_xid, backend_xmin) IS NOT NULL AND (application_name IN ('pg_dump', 'fairgate retire') OR application_name LIKE 'holder%')"), '6');
  assert.equal(postgres.sql('SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0'), '0');
  assert.equal((await world.site.metrics()).get('fairgate_seats_events{state="out"}'), 0);

  // No row is rewritten again and again: all later statements would walk over each version.
  await until('all to be counted', () => Number(postgres.sql("SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'sold'", 'seats')) >= ORDERS);
  for (const database of ['seats', 'pay']) assert.deepEqual(updatedTooOften(database), [], database);

  // A read of a queue begins after the finished rows.
  for (const [queue, open] of Object.entries(OPEN)) {
    const [{ pages, calls }] = postgres.rows(`SELECT sum(shared_blks_hit + shared_blks_read) / sum(calls) AS pages, sum(calls) AS calls FROM pg_stat_statements
      WHERE query LIKE '%FROM ${queue} %SKIP LOCKED%'`, 'pay');
    const [{ Plan: plan }] = JSON.parse(postgres.sql(`SET enable_seqscan = off; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT 1 FROM pay.${queue}
      WHERE ${open} AND due_at <= now() ORDER BY due_at`, 'pay'));
    const whole = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    assert.ok(calls > 0 && Number(pages) < whole / 2, `${queue}: ${calls} looks at ${Number(pages)} pages each; all of it has ${whole}`);
  }
});
