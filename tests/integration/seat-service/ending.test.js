// What operators have asked for and is under way when the process is told to end: each is answered, and the process
// ends in order, with nothing left behind (which the sanitizer says).

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { hall, holdLock, importHall, openPostgres, openSeats, operator, untilWaiting, visitor } from './house.js';

// The process is told to end while `asked` is under way; `unlock` lets go of what that waits for.
async function assertAnswered(seats, asked, code, unlock) {
  seats.child.signal('SIGTERM');
  assertProblem(await asked, 503, code);
  await unlock();
  await seats.child.exited;
  assert.equal(seats.child.finding, null);
  assert.equal(seats.child.exit.code, 0);
}

async function openHouse(t, options) {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  const seats = await openSeats(scope, postgres, options);
  await importHall(seats, 'sale', hall());
  return { scope, postgres, seats };
}

// What it waits for, as somebody else has locked it.
const WAITS = [
  ['an import, before it is written', 'seats.document IN EXCLUSIVE MODE', 'RowExclusiveLock', 'outcome-unknown', (seats) => operator(seats, 'premiere').import(hall())],
  ['an import that is written, before it opens', 'seats.snapshot IN ACCESS EXCLUSIVE MODE', 'AccessShareLock', 'outcome-unknown', (seats) => operator(seats, 'gala').import(hall())],
  ['an export', 'seats.sold IN ACCESS EXCLUSIVE MODE', 'AccessShareLock', 'journal-unavailable', (seats) => operator(seats, 'sale').exported()],
  ['the trail', 'seats.act IN ACCESS EXCLUSIVE MODE', 'AccessShareLock', 'journal-unavailable', (seats) => operator(seats, 'sale').audit()],
];

test('what operators have asked for is answered when the process ends meanwhile', async (t) => {
  const { scope, postgres, seats } = await openHouse(t);
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

test('a move that waits for another process is answered when this one ends', async (t) => {
  const { postgres, seats } = await openHouse(t, { shares: 2 });
  const asked = operator(seats, 'sale').place('nobody');
  await until('the wish to be written', () => postgres.sql('SELECT wanted FROM seats.owner', 'seats') === 'nobody');
  await assertAnswered(seats, asked, 'outcome-unknown', async () => {});
});
