// If PostgreSQL refuses the writes of one event, only that event fails: the process's other events go on.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { hall, holdLock, openFollower, openSale, operator, saga, visitor } from '../../integration/seat-service/site.js';

const BAD = 'bad-night', GOOD = 'good-night';

const openSite = (t, { limits = {}, events = [BAD, GOOD], ...more } = {}) =>
  openSale(t, events, { document: hall({ rows: 40, seatsPerRow: 40, limits: { orphan_rule: false, ...limits } }), ...more });

const lockRow = (scope, postgres) =>
  holdLock(scope, postgres, `SELECT FROM seats.owner WHERE event = (SELECT no FROM seats.event WHERE id = '${BAD}') FOR UPDATE`);

// PostgreSQL refuses each row of the event's journal until the returned function is called.
function refuseRows(postgres) {
  const no = postgres.sql(`SELECT no FROM seats.event WHERE id = '${BAD}'`, 'seats');
  postgres.sql(`ALTER TABLE seats.journal ADD CONSTRAINT refused CHECK (event <> ${no}) NOT VALID`, 'seats');
  return () => postgres.sql('ALTER TABLE seats.journal DROP CONSTRAINT refused', 'seats');
}

const hold = (seats, event) => visitor(seats, event).hold({ best_available: { quantity: 1 } });

async function assertSells(seats, event, times = 10) {
  for (let n = 0; n < times; n += 1) {
    const answer = await hold(seats, event);
    assert.equal(answer.status, 201, answer.text);
  }
}

const ready = async (seats) => {
  const answer = await seats.private.get('/readyz');
  return answer.status === 200 && answer.json;
};

const untilOut = (seats) =>
  until('it to be out alone', async () => {
    const { out = [] } = (await ready(seats)) || {};
    return out.length === 1 && out[0].event === BAD && out[0].reason;
  });

async function assertBack(seats) {
  await until('it to sell again', async () => (await hold(seats, BAD)).status === 201);
  await until('nothing to be out', async () => (await ready(seats)) && !(await ready(seats)).out);
}

const reconnects = async (seats) => (await seats.metrics()).get('fairgate_journal_reconnects_total');

test('while somebody has the row of one event locked, the others sell, and it is back when the lock is gone', async (t) => {
  const { scope, postgres, seats } = await openSite(t);
  await assertSells(seats, BAD, 1);
  const before = await reconnects(seats);
  const lock = await lockRow(scope, postgres);
  const refused = hold(seats, BAD);
  await assertSells(seats, GOOD);
  assertProblem(await refused, 503, 'journal-unavailable');
  assert.match(await untilOut(seats), /locked/);
  const listed = (await operator(seats).events()).json.events.find(({ event }) => event === BAD);
  assert.deepEqual([listed.state, listed.open], ['out', true]);
  assertProblem(await hold(seats, BAD), 503, 'journal-unavailable');
  await assertSells(seats, GOOD);
  assert.equal((await visitor(seats, BAD).availability()).status, 200, 'its hall is shown all the same');
  assert.equal(await reconnects(seats), before, 'the connection is as good as before');
  await lock.letGo();
  await assertBack(seats);
});

test('visits end while somebody has the row of an event locked whose new incarnation waits to be stored', async (t) => {
  const { scope, postgres, seats } = await openSite(t);
  const lock = await holdLock(scope, postgres, `SELECT FROM seats.event WHERE id = '${BAD}' FOR UPDATE`);
  const incarnation = '019a30000000aaaaaa';
  const stored = () => postgres.sql(`SELECT count(*) FROM seats.event WHERE id = '${BAD}' AND incarnation > 0`, 'seats') === '1';
  assert.equal((await visitor(seats, BAD, { claims: { incarnation } }).info()).status, 200);
  for (let n = 0; n < 10; n += 1) assert.equal((await saga(seats, GOOD).endSession(`session-${n}`)).status, 204);
  assert.equal(stored(), false);
  await lock.letGo();
  await until('it to be stored', stored);
});

test('of four processes the other three take over what one leaves while the row of one event is locked, and that one when the lock is gone', async (t) => {
  const named = (n) => ({ shares: 4, config: { journal: { instance: `seats${n}` } } });
  const { scope, postgres, seats } = await openSite(t, { events: [BAD, GOOD, 'other-night'], ...named(1) });
  const others = [];
  for (const n of [2, 3, 4]) others.push(await openFollower(scope, postgres, seats, named(n)));
  const sellerOf = async (event) => (await Promise.all(others.map(async (one) => (await hold(one, event)).status === 201 && one))).find(Boolean);
  const lock = await lockRow(scope, postgres);
  await seats.kill();
  for (const event of [GOOD, 'other-night']) await assertSells(await until(`${event} to sell`, () => sellerOf(event)), event);
  assert.equal(await sellerOf(BAD), undefined);
  await lock.letGo();
  await assertBack(await until('it to sell, too', () => sellerOf(BAD)));
});

test('an expiry that is refused in one event does not prolong the orders of another', async (t) => {
  const { postgres, seats } = await openSite(t, { limits: { hold_ttl_s: 4, hold_max_s: 4 } });
  await assertSells(seats, BAD, 1);
  const allow = refuseRows(postgres);
  await until('its expiry to be refused', async () => (await seats.metrics()).get('fairgate_journal_refused_total') > 0, { timeoutMs: 60_000 });
  assert.equal((await hold(seats, BAD)).status, 503);
  const { hold: paid, seats: taken } = (await hold(seats, GOOD)).json;
  assert.equal((await saga(seats, GOOD).extend(paid, 'order-1', { pay_ttl_s: 4 })).status, 200);
  await until('the order to run out', async () => (await visitor(seats, GOOD).hold({ seats: taken })).status === 201, { timeoutMs: 60_000 });
  allow();
  await assertBack(seats);
});

test('while the whole journal is locked every event is refused at once, and afterwards each sells', async (t) => {
  const events = ['one', 'two', 'three', 'four', 'five', 'six'];
  const { scope, postgres, seats } = await openSite(t, { events });
  const before = await reconnects(seats);
  const lock = await holdLock(scope, postgres, 'LOCK TABLE seats.journal IN EXCLUSIVE MODE');
  const refused = await Promise.all(events.map((event) => hold(seats, event)));
  for (const answer of refused) assertProblem(answer, 503, 'journal-unavailable');
  await lock.letGo();
  for (const event of events) await until(`${event} to sell`, async () => (await hold(seats, event)).status === 201);
  assert.equal(await reconnects(seats), before, 'the connection is as good as before');
});
