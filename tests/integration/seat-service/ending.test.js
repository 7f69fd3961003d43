// Operators' requests in progress when the process gets SIGTERM: each is answered, and the process exits in order without
// leaks (checked by the sanitizer).

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openRaw, until } from '../../lib-js/index.js';
import { hall, holdLock, openSale, operator, saga, untilWaiting, visitor } from './site.js';

// Sends SIGTERM while `asked` is in progress; `unlock` releases the lock that it waits for.
async function assertAnswered(seats, asked, code, unlock) {
  seats.child.signal('SIGTERM');
  assertProblem(await asked, 503, code);
  await unlock();
  await seats.child.ends();
  assert.equal(seats.child.finding, null);
  assert.equal(seats.child.exit.code, 0);
}

const openSite = (t, options) => openSale(t, ['sale'], options);

// The locks that another session holds and requests wait for.
const WAITS = [
  ['an import, before it is written', 'seats.document IN EXCLUSIVE MODE', 'RowExclusiveLock', 'outcome-unknown', (seats) => operator(seats, 'premiere').import(hall())],
  ['an import that is written, before it opens', 'seats.snapshot IN ACCESS EXCLUSIVE MODE', 'AccessShareLock', 'outcome-unknown', (seats) => operator(seats, 'gala').import(hall())],
  ['an export', 'seats.sold IN ACCESS EXCLUSIVE MODE', 'AccessShareLock', 'journal-unavailable', (seats) => operator(seats, 'sale').exported()],
  ['the trail', 'seats.act IN ACCESS EXCLUSIVE MODE', 'AccessShareLock', 'journal-unavailable', (seats) => operator(seats, 'sale').audit()],
];

test('operators\' pending requests are answered when the process stops', async (t) => {
  const { scope, postgres, seats } = await openSite(t);
  for (const [what, lock, mode, code, ask] of WAITS) {
    const held = await holdLock(scope, postgres, `LOCK TABLE ${lock}`);
    const asked = ask(seats);
    await untilWaiting(what, postgres, mode);
    await assertAnswered(seats, asked, code, () => held.letGo());
    await seats.start();
    await until('the event to be open again', async () => (await visitor(seats, 'sale').info()).status === 200);
  }
  for (const event of ['premiere', 'gala']) {
    const again = await operator(seats, event).import(hall());
    assert.ok([200, 201].includes(again.status), `repeated, which is no mistake: ${again.text}`);
  }
});

test('a pending move to another process is answered when this one stops', async (t) => {
  const { postgres, seats } = await openSite(t, { shares: 2 });
  const asked = operator(seats, 'sale').place('nobody');
  await until('the wish to be written', () => postgres.sql('SELECT wanted FROM seats.owner', 'seats') === 'nobody');
  await assertAnswered(seats, asked, 'outcome-unknown', async () => {});
});

// The first of the sessions is being written and waits for a lock; "two" waits for it, with "three" pipelined behind.
async function openEndings(t) {
  const { scope, postgres, seats } = await openSite(t);
  const lock = await holdLock(scope, postgres, 'LOCK TABLE seats.ended_session IN EXCLUSIVE MODE');
  const isOut = (session) => until(`${session} to be out`, async () => (await visitor(seats, 'sale', { session }).info()).json.code === 'pass-ended');
  const end = (session) => saga(seats, 'sale').endSession(session);
  const one = end('one');
  await untilWaiting('the first to be written', postgres, 'RowExclusiveLock');
  const raw = await openRaw({ port: seats.privatePort });
  t.after(() => raw.destroy());
  const bytes = (session) => `POST /internal/sessions/${session}/end HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${seats.secrets.read('service-token')}\r\nContent-Length: 0\r\n\r\n`;
  await raw.send(bytes('two') + bytes('three'));
  await isOut('two');
  return { seats, lock, raw, one, end, isOut };
}

test('all requests to end a session are answered, pipelined ones too', async (t) => {
  const { lock, raw, one, end, isOut } = await openEndings(t);
  const four = end('four');
  await isOut('four');
  await lock.letGo();
  assert.equal((await one).status, 204);
  assert.deepEqual((await raw.answersOf(2)).map(({ status }) => status), [204, 204]);
  assert.equal((await four).status, 204);
});

test('the process stops although a request is pipelined behind the last one', async (t) => {
  const { seats, lock, raw, one } = await openEndings(t);
  await assertAnswered(seats, one, 'journal-unavailable', () => lock.letGo());
  assert.deepEqual((await raw.untilClosed()).map(({ status }) => status), [503]);
});
