// An event that is retired while other events are sold: nothing of it goes as long as a process owns it, and
// once that one has ended nobody takes it any more.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { openScope, runBeside, until } from '../../lib-js/index.js';
import { hall, importHall, openPostgres, openSeats, operator, saga, visitor } from './house.js';

const scope = openScope();
let postgres, owner, standby, archive, told;

before(async () => {
  postgres = await openPostgres(scope);
  owner = await openSeats(scope, postgres);
  await importHall(owner, 'past', hall({ starts_at: '2020-05-01T18:00:00Z' }));
  await importHall(owner, 'next', hall());
  standby = await openSeats(scope, postgres, { office: owner.office, secrets: owner.secrets, ready: false });
  await until('the standby to follow both', async () => (await standby.metrics()).get('fairgate_seats_events{state="following"}') === 2);
  archive = scope.tempDir('archive-');
});
after(() => scope.close());

const retire = (id, ...more) => runBeside('seat-service', ['retire', id, '--to', archive, '--config', standby.configPath, ...more]);
const sql = (text) => postgres.sql(`SET search_path = seats; ${text}`, 'seats');

// What the journal's replay tells of the event.
const replay = async (env) => {
  const { status, stdout, stderr } = await runBeside('seat-service', ['replay', '--config', standby.configPath, '--event', 'past', '--seats'], { env });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
};

async function sell(seats, event, seat) {
  const { hold } = (await visitor(seats, event).hold({ seats: [seat] })).json;
  for (const act of ['extend', 'confirm'])
    assert.equal((await saga(seats, event)[act](hold, `order-${event}-${seat}`)).status, 200);
  return hold;
}
const projected = () => until('the holds to be read out of the journal', () =>
  sql("SELECT count(*) FROM owner JOIN projected USING (event, seq) JOIN event ON no = event WHERE id = 'past'") === '1', { timeoutMs: 60_000 });

test('an event with an open hold stays, and one that has not begun', async () => {
  await sell(owner, 'past', 'r1s1');
  const someone = visitor(owner, 'past');
  const { hold } = (await someone.hold({ seats: ['r1s2'] })).json;
  await projected();
  assert.match((await retire('past')).stderr, /1 holds are open/);
  await someone.release(hold);
  await projected();
  assert.match((await retire('next')).stderr, /may be retired at/);
  assert.equal(sql('SELECT count(*) FROM event WHERE retired_at IS NOT NULL'), '0');
});

test('as long as a process owns it nothing is deleted, and it goes on; but nobody else takes it', async () => {
  const rows = sql('SELECT count(*) FROM journal');
  const { status, stderr } = await retire('past');
  assert.equal(status, 1);
  assert.match(stderr, /still owns it/);
  assert.equal(sql('SELECT count(*) FROM journal'), rows);
  assert.equal((await visitor(owner, 'past').info()).status, 200);
  await until('the standby to leave it', async () => (await standby.metrics()).get('fairgate_seats_events{state="following"}') === 1);
  assert.equal((await standby.metrics()).get('fairgate_seats_events{state="out"}'), 0);
});

test('when the owner has ended the standby sells the other, and the event goes', async () => {
  await owner.stop();
  told = await replay();
  await until('the standby to own', async () => (await standby.private.get('/readyz')).json.role === 'owner');
  await sell(standby, 'next', 'r1s1');
  const { status, stderr, stdout } = await retire('past');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /no longer here/);
  for (const table of ['journal', 'holds', 'sold', 'document', 'owner', 'projected'])
    assert.equal(sql(`SELECT count(*) FROM ${table} WHERE event <> no_of('next')`), '0', table);
  assert.equal(sql('SELECT string_agg(id, \',\') FROM event'), 'next');
  const [{ totals }] = postgres.rows('SELECT totals FROM seats.retired', 'seats');
  assert.equal(totals.seats_sold, 1);
  assert.match(totals.chain, /^[0-9a-f]{64}$/);
  await sell(standby, 'next', 'r2s1');
});

test('who is started knows it no more, and its id stays taken', async () => {
  await owner.start(false);
  await until('the other to follow', async () => (await owner.metrics()).get('fairgate_seats_events{state="following"}') === 1);
  for (const seats of [owner, standby]) assert.notEqual((await visitor(seats, 'past').info()).status, 200);
  assert.equal((await visitor(standby, 'next').info()).status, 200);
  assert.equal((await operator(standby, 'past').import(hall())).status, 409);
  assert.equal((await standby.private.get('/readyz')).status, 200);
});

test('restored into a database of its own, its journal is replayed to the same end', async () => {
  postgres.sql('CREATE DATABASE books');
  postgres.sql('ALTER DATABASE books OWNER TO seat_service');
  const env = { FAIRGATE_POSTGRES_CONNINFO: postgres.conninfo('books', 'seat_service') };
  for (const argv of [['--migrate'], ['retire', '--restore', `${archive}/past.seat-service.1`]])
    assert.equal((await runBeside('seat-service', [...argv, '--config', standby.configPath], { env })).status, 0);
  assert.deepEqual(await replay(env), told);
  assert.equal(told.seats.r1s1.state, 'sold');
});
