// Events are the units of failure: an unreadable event is out, and says why; others are not affected. An event that is owned
// elsewhere does not make a process a standby for the others, and a large import does not slow down a sale.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { hall, holdLock, importHall, openAnother, openSale, operator, tamper, untilWaiting, visitor } from './site.js';

const numberOf = (postgres, event) => Number(postgres.sql(`SELECT no FROM seats.event WHERE id = '${event}'`, 'seats'));
const readyz = (seats) => seats.private.get('/readyz');

// The operator's view of one event.
async function stateOf(seats, event) {
  const { json } = await operator(seats).events();
  return json.events.find((other) => other.event === event);
}

const isOpen = async (seats, event) => (await seats.metrics()).get(`fairgate_seats_open{event="${event}"}`);

// Retried while the owner cannot confirm its ownership; 409: an answer was lost.
const held = (seats, event, ...names) => until(`a hold of ${names}`, async () => [201, 409].includes((await visitor(seats, event).hold({ seats: names })).status));

// Twice, it is as it was.
const invertByte = (postgres, event, seq) =>
  tamper(postgres, `UPDATE seats.journal SET body = set_byte(body, 20, 255 - get_byte(body, 20)) WHERE event = ${numberOf(postgres, event)} AND seq = ${seq}`);

test('an event whose journal or document is broken is out by its reason; the others open, and it comes back when it is mended', async (t) => {
  const { postgres, seats } = await openSale(t, ['first', 'second', 'third']);
  const kept = await visitor(seats, 'third').hold({ seats: ['r1s1', 'r1s2'] });
  assert.equal(kept.status, 201);
  await held(seats, 'first', 'r1s1', 'r1s2');
  await seats.stop();
  invertByte(postgres, 'first', 2);
  postgres.sql(`CREATE TABLE kept AS SELECT * FROM seats.document; UPDATE seats.document SET body = '{}' WHERE event = ${numberOf(postgres, 'second')}`, 'seats');
  await seats.start();

  const buyer = visitor(seats, 'third');
  await until('the third to be open', async () => (await buyer.info()).status === 200);
  assert.equal((await buyer.hold({ seats: ['r1s1'] })).status, 409, 'what was held is held');
  assert.equal((await buyer.hold({ seats: ['r2s1', 'r2s2'] })).status, 201, 'and it sells');
  await until('both others to be out', async () => (await stateOf(seats, 'first')).state === 'out' && (await stateOf(seats, 'second')).state === 'out');
  assert.match((await stateOf(seats, 'first')).reason, /chain breaks at row 2/);
  assert.match((await stateOf(seats, 'second')).reason, /name/);
  assert.equal((await stateOf(seats, 'third')).state, 'owned');
  const ready = await until('the process to serve the others', async () => { // a confirmation is sometimes over a second old
    const answer = await readyz(seats);
    return answer.status === 200 && answer;
  });
  assert.equal(ready.json.role, 'owner');
  assert.deepEqual(ready.json.out.map(({ event }) => event), ['first', 'second']);
  assert.match(ready.json.out[0].reason, /chain breaks/);
  assertProblem(await visitor(seats, 'first').info(), 503, 'event-out');
  const shown = await operator(seats, 'second').read();
  assertProblem(shown, 503, 'event-out');
  assert.match(shown.json.detail, /name/, 'the operator sees why');
  assert.equal((await seats.metrics()).get('fairgate_seats_events{state="out"}'), 2);
  assert.equal((await seats.metrics()).get('fairgate_seats_events{state="owned"}'), 1);
  for (const [event, open] of [['first', 0], ['second', 0], ['third', 1]]) assert.equal(await isOpen(seats, event), open, event);

  postgres.sql(`UPDATE seats.document SET body = kept.body FROM kept WHERE kept.event = document.event`, 'seats');
  invertByte(postgres, 'first', 2);
  for (const event of ['first', 'second']) await until(`${event} to be back`, async () => (await isOpen(seats, event)) === 1); // the state is shown a moment earlier
  assert.equal((await visitor(seats, 'first').hold({ seats: ['r1s1'] })).status, 409, 'with its holds');
  assert.equal((await readyz(seats)).json.out, undefined);
});

test('a running owner goes on selling next to an unreadable event', async (t) => {
  const { postgres, seats } = await openSale(t, ['good']);
  postgres.sql(
    `WITH e AS (INSERT INTO seats.event (id) VALUES ('bad') RETURNING no),
          d AS (INSERT INTO seats.document SELECT no, '', 'no plan' FROM e)
     INSERT INTO seats.owner (event, chain) SELECT no, decode(repeat('00', 32), 'hex') FROM e`,
    'seats',
  );
  await until('it to be tried', async () => (await stateOf(seats, 'bad'))?.state === 'out');
  assertProblem(await operator(seats, 'bad').import(hall()), 503, 'journal-unavailable');
  assertProblem(await operator(seats, 'bad').correct(hall(), '"0"'), 503, 'journal-unavailable');
  assertProblem(await operator(seats, 'god').correct(hall(), '"0"'), 412, 'version-mismatch');
  assertProblem(await operator(seats, 'god').read(), 404, 'event-unknown');
  for (let row = 1; row <= 10; row += 1) assert.equal((await visitor(seats, 'good').hold({ seats: [`r${row}s1`, `r${row}s2`] })).status, 201);
  await seats.untilReady(); // on a slow machine a confirmation is sometimes over a second old
});

test('an event to be owned is reported as not open from the start, with or without a database', async (t) => {
  const { postgres, seats } = await openSale(t, ['named'], { config: { journal: { events: 'named, later' } } });
  await until('it to be open', async () => (await isOpen(seats, 'named')) === 1);
  assert.equal(await isOpen(seats, 'later'), 0);
  await seats.stop();
  await postgres.stop();
  await seats.start(false);
  await until('it to answer', async () => (await readyz(seats)).json.role === 'connecting');
  assert.deepEqual([await isOpen(seats, 'named'), await isOpen(seats, 'later')], [0, 0]);
  await postgres.start();
  await until('it to be open again', async () => (await isOpen(seats, 'named')) === 1);
  assert.equal(await isOpen(seats, 'later'), 0);
});

test('a process is no standby for its own events because another event is owned elsewhere', async (t) => {
  const { scope, postgres, seats: first } = await openSale(t, ['theirs'], { config: { journal: { events: 'theirs' } } });
  const second = await openAnother(scope, postgres, first);
  await until('the second to see it', async () => (await stateOf(second, 'theirs'))?.state === 'following');
  await importHall(second, 'ours', hall());
  assert.equal((await visitor(second, 'ours').hold({ seats: ['r1s1', 'r1s2'] })).status, 201);
  await second.untilReady();
  assertProblem(await visitor(second, 'theirs').hold({ seats: ['r1s1'] }), 503, 'standby');
  assert.equal((await visitor(first, 'theirs').info()).status, 200);
  await until('it to be shown', async () => (await visitor(second, 'theirs').info()).status === 200);
  await first.kill();
  await until('it to be ours', async () => (await visitor(second, 'theirs').hold({ seats: ['r1s1'] })).status === 201);
});

test('each owner audits its own events, not those of other owners', async (t) => {
  const { scope, postgres, seats: first } = await openSale(t, ['a'], { config: { journal: { events: 'a' } } });
  const second = await openAnother(scope, postgres, first, { config: { journal: { events: 'b', snapshot_every: 100 } } });
  await until('the second to take imports', async () => (await operator(second, 'b').import(hall({ limits: { orphan_rule: false } }))).status === 201);
  for (let seat = 0; seat < 100; seat += 1) await held(second, 'b', `r${Math.floor(seat / 10) + 1}s${(seat % 10) + 1}`);
  await until('a snapshot', () => postgres.sql(`SELECT max(seq) FROM seats.snapshot WHERE event = ${numberOf(postgres, 'b')}`, 'seats') === '101');
});

// ---- an event made again in the waiting room ----

test('passes of an event created again invalidate the older ones, at every owner', async (t) => {
  const { scope, postgres, seats: first } = await openSale(t, ['premiere']);
  const pass = (incarnation) => ({ session: `of-${incarnation}`, claims: incarnation ? { incarnation } : {} });
  const [older, newer] = ['019a30000000aaaaaa', '019a30000001000001'];
  const rehearsal = visitor(first, 'premiere', pass(older));
  const unnamed = visitor(first, 'premiere', pass(null));
  const held = await rehearsal.hold({ seats: ['r1s1', 'r1s2'] });
  assert.equal(held.status, 201, 'good until another is known');
  assertProblem(await unnamed.info(), 401, 'event-renewed', 'what names none is older than any');
  const onDisk = () => BigInt(postgres.sql("SELECT incarnation FROM seats.event WHERE id = 'premiere'", 'seats'));
  const before = await until('the older one to be on disk', onDisk);
  assert.equal((await visitor(first, 'premiere', pass(newer)).info()).status, 200);
  assertProblem(await rehearsal.info(), 401, 'event-renewed');
  assertProblem(await rehearsal.hold({ seats: ['r2s1', 'r2s2'] }), 401, 'event-renewed');
  for (const strange of ['019A30000001000001', '', '019a3000', 7]) assertProblem(await visitor(first, 'premiere', pass(strange)).info(), 401, strange === '' ? 'event-renewed' : 'pass-invalid');
  await until('the newer one to be on disk', () => onDisk() > before);

  const second = await openAnother(scope, postgres, first);
  await until('the second to follow', async () => (await stateOf(second, 'premiere'))?.state === 'following');
  await first.kill();
  await second.untilReady();
  const there = visitor(second, 'premiere', pass(older));
  await until('it to be open', async () => (await there.info()).status !== 503);
  assertProblem(await there.info(), 401, 'event-renewed', 'the next owner knows it');
  assert.equal((await visitor(second, 'premiere', pass(newer)).info()).status, 200);
});

// ---- imports ----

// The largest possible document.
const largeHall = () => JSON.stringify(hall()).padEnd(64_000_000);

// The database steps of an import, in order; each is blocked until it is released.
const STAGES = [
  ['its event', 'LOCK TABLE seats.event IN EXCLUSIVE MODE', 'RowExclusiveLock'],
  ['its document', 'LOCK TABLE seats.document IN EXCLUSIVE MODE', 'RowExclusiveLock'],
  ['its reading back', 'LOCK TABLE seats.snapshot IN ACCESS EXCLUSIVE MODE', 'AccessShareLock'],
];

test('sales of another event go on while a 64 MB import is held at each of its stages', async (t) => {
  const { scope, postgres, seats } = await openSale(t, ['sale']);
  let seat = 0;
  for (const [nth, [name, lock, mode]] of STAGES.entries()) {
    const held = await holdLock(scope, postgres, lock);
    const large = () => operator(seats, `large-${nth}`).import(nth === 0 ? largeHall() : hall());
    const imported = large();
    await untilWaiting(`the import to wait for ${name}`, postgres, mode);
    const before = (await seats.metrics()).get('fairgate_journal_commits_total');
    for (let n = 0; n < 10; n += 1, seat += 1) {
      const answer = await visitor(seats, 'sale').hold({ seats: [`r${Math.floor(seat / 10) + 1}s${(seat % 10) + 1}`] });
      assert.ok([201, 409].includes(answer.status), `a hold while ${name} is held: ${answer.text}`);
    }
    const metrics = await seats.metrics();
    assert.ok(metrics.get('fairgate_journal_commits_total') - before >= 5, 'they were committed');
    assert.equal(metrics.get('fairgate_journal_reconnects_total'), 1, 'the committer never lost its connection');
    await held.letGo();
    // A request whose result takes half a minute to read back gets Retry-After.
    if ((await imported).status === 503) assertProblem(await imported, 503, 'journal-unavailable');
    else assert.equal((await imported).status, 201);
    await until('it to be open', async () => {
      const { status, json } = await visitor(seats, `large-${nth}`).info();
      if (json.code === 'event-unknown') await large(); // it was refused before it was written
      return status === 200;
    }, { timeoutMs: 300_000 }); // a busy machine takes minutes to read so much
  }
});
