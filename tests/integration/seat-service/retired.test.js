// An event that is retired while others are sold: nothing of it is deleted while a process uses it, its owner releases it,
// and no process takes it again.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, runBeside, until } from '../../lib-js/index.js';
import { hall, holdLock, importHall, openAnother, openPostgres, openSeats, operator, sell, untilWaiting, visitor } from './site.js';

const scope = openScope(test);
let replayed;

const postgres = await openPostgres(scope);
const owner = await openSeats(scope, postgres);
await importHall(owner, 'past', hall({ starts_at: '2020-05-01T18:00:00Z' }));
await importHall(owner, 'next', hall());
const standby = await openAnother(scope, postgres, owner);
await until('the standby to follow both', async () => (await standby.metrics()).get('fairgate_seats_events{state="following"}') === 2);
const archive = scope.tempDir('archive-');

const retire = (id, env = {}) => runBeside('seat-service', ['retire', id, '--to', archive, '--config', standby.configPath], { env });
const sql = (text) => postgres.sql(`SET search_path = seats; ${text}`, 'seats');

// The output of the journal's replay for the event.
const replay = async (env) => {
  const { status, stdout, stderr } = await runBeside('seat-service', ['replay', '--config', standby.configPath, '--event', 'past', '--seats'], { env });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
};

const projected = () => until('the holds to be read out of the journal', () =>
  sql("SELECT count(*) FROM head JOIN projected USING (event, seq) JOIN event ON no = event WHERE id = 'past'") === '1', { timeoutMs: 60_000 });

test('an event with an open hold stays, and one that has not begun', async () => {
  await sell(owner, 'past', visitor(owner, 'past'), ['r1s1'], 'order-past-r1s1');
  const someone = visitor(owner, 'past');
  const { hold } = (await someone.hold({ seats: ['r1s2'] })).json;
  await projected();
  assert.match((await retire('past')).stderr, /1 holds are open/);
  await someone.release(hold);
  await projected();
  assert.match((await retire('next')).stderr, /may be retired at/);
  assert.equal(sql('SELECT count(*) FROM event WHERE retired_at IS NOT NULL'), '0');
});

const known = async (seats, state) => (await seats.metrics()).get(`fairgate_seats_events{state="${state}"}`);

test('while another session has its lock nothing is deleted, and nobody owns it', async () => {
  const rows = sql('SELECT count(*) FROM journal');
  const somebody = holdLock(scope, postgres, "SELECT pg_advisory_lock(4606786, no) FROM seats.event WHERE id = 'past'");
  await untilWaiting('somebody to wait for its owner', postgres, 'ExclusiveLock');
  const { status, stderr } = await retire('past', { PGOPTIONS: '-c fairgate.retire_wait=1ms' });
  assert.equal(status, 1);
  assert.match(stderr, /still has it in use/);
  assert.equal(sql('SELECT count(*) FROM journal'), rows);
  const held = await somebody;
  await until('the standby to leave it', async () => (await known(standby, 'following')) === 1);
  await until('its owner to leave it', async () => (await known(owner, 'owned')) === 1);
  await held.letGo();
});

test('an owner leaves it only once no seat of it is held', async () => {
  sql("UPDATE event SET retired_at = NULL WHERE id = 'past'");
  await until('it to be open again', async () => (await visitor(owner, 'past').info()).status === 200);
  const someone = visitor(owner, 'past');
  const { hold } = await until('it to sell again', async () => {
    const answer = await someone.hold({ best_available: { quantity: 1 } });
    return answer.status === 201 && answer.json;
  });
  // As if it had been marked at the same moment.
  sql("UPDATE event SET retired_at = now() WHERE id = 'past'");
  await until('the standby to leave it', async () => (await known(standby, 'following')) === 1);
  const freed = await until('it to be open', async () => {
    const answer = await someone.release(hold);
    return answer.status !== 503 && answer;
  });
  assert.equal(freed.status, 204);
  await until('its owner to leave it', async () => (await known(owner, 'owned')) === 1);
});

test('then its owner lets go of it without a restart, and the event goes; the other is sold meanwhile', async () => {
  replayed = await replay();
  await sell(owner, 'next', visitor(owner, 'next'), ['r1s1'], 'order-next-r1s1');
  // The last rows may not have been read from the journal yet: then the mark is removed, and an owner reads them.
  const { stdout } = await until('it to be archived', async () => {
    const done = await retire('past');
    return done.status === 0 && done;
  });
  assert.match(stdout, /no longer here/);
  assert.deepEqual([await known(owner, 'owned'), await known(owner, 'out'), await known(owner, 'asleep')], [1, 0, 0]);
  for (const table of ['journal', 'holds', 'sold', 'document', 'owner', 'projected'])
    assert.equal(sql(`SELECT count(*) FROM ${table} WHERE event <> no_of('next')`), '0', table);
  assert.equal(sql('SELECT string_agg(id, \',\') FROM event'), 'next');
  const [{ totals }] = postgres.rows('SELECT totals FROM seats.retired', 'seats');
  assert.equal(totals.seats_sold, 1);
  assert.match(totals.chain, /^[0-9a-f]{64}$/);
  assert.equal((await visitor(owner, 'past').info()).status, 404);
  await sell(owner, 'next', visitor(owner, 'next'), ['r2s1'], 'order-next-r2s1');
});

test('after a takeover or start it is unknown, and its id stays reserved', async () => {
  await owner.stop();
  await until('the standby to own', async () => (await standby.private.get('/readyz')).json.role === 'owner');
  await owner.start(false);
  await until('the other to follow', async () => (await known(owner, 'following')) === 1);
  for (const seats of [owner, standby]) assert.notEqual((await visitor(seats, 'past').info()).status, 200);
  assert.equal((await visitor(standby, 'next').info()).status, 200);
  assert.equal((await operator(standby, 'past').import(hall())).status, 409);
  await standby.untilReady();
});

test('restored into a database of its own, its journal is replayed to the same end', async () => {
  postgres.sql('CREATE DATABASE books');
  postgres.sql('ALTER DATABASE books OWNER TO seat_service');
  const env = { FAIRGATE_POSTGRES_CONNINFO: postgres.conninfo('books', 'seat_service') };
  for (const argv of [['--migrate'], ['retire', '--restore', `${archive}/past.seat-service.1`]])
    assert.equal((await runBeside('seat-service', [...argv, '--config', standby.configPath], { env })).status, 0);
  assert.deepEqual(await replay(env), replayed);
  assert.equal(replayed.seats.r1s1.state, 'sold');
});
