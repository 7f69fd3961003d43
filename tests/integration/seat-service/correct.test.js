// Corrections of an imported hall: anything while nothing is held or sold, otherwise only what leaves every seat unchanged.

import assert from 'node:assert/strict';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { assertProblem, assertStatus, openScope, until } from '../../lib-js/index.js';
import { hall, halls, holdLock, importHall, openAnother, openPair, openPostgres, openSeats, operator, picture, replay, saga, sell, states, untilWaiting, visitor } from './site.js';

const scope = openScope(test);
const postgres = await openPostgres(scope);
const seats = await openSeats(scope, postgres, { config: { journal: { snapshot_every: 100 } } });
const fresh = halls(seats, 'night');

const changed = (body, change) => {
  const copy = structuredClone(body);
  change(copy);
  return copy;
};

// Makes enough changes for a snapshot, from which the event is loaded afterwards.
async function untilSnapshot(event) {
  const boss = operator(seats, event);
  for (let nth = 0; nth < 50; nth += 1) for (const act of ['block', 'unblock']) assert.equal((await boss[act]({ area: 'floor', quantity: 1 })).status, 200);
  await until('a snapshot', () => postgres.sql(`SELECT count(*) FROM seats.snapshot s JOIN seats.event e ON e.no = s.event WHERE e.id = '${event}'`, 'seats') !== '0', { timeoutMs: 60_000 });
}

test('before the first sale all of a document is corrected, against the version that was read', async () => {
  const { event, boss, alice } = await fresh({ name: 'Hamelt', area: 10 });
  const { headers: { etag } } = await boss.read();
  assertProblem(await boss.import(hall({ name: 'Hamlet', area: 10 })), 409, 'event-exists');
  assertProblem(await boss.correct(hall({ name: 'Hamlet', area: 10 }), '"0"'), 412, 'version-mismatch');
  for (const why of ['%ff', 'x'.repeat(65), 'a%00b']) assertProblem(await boss.correct(hall({ name: 'Hamlet', area: 10 }), etag, why), 422, 'bad-field');
  const undated = await boss.correct(changed(hall({ name: 'Hamlet', area: 10 }), (body) => { delete body.time_zone; }), etag);
  assert.match(assertProblem(undated, 422, 'bad-plan').detail, /^\/time_zone: is needed with starts_at/);
  const named = assertStatus(await boss.correct(hall({ name: 'Hamlet', area: 10 }), etag, encodeURI('오타')), 200);
  assert.deepEqual([named.json.name, (await alice.info()).json.name], ['Hamlet', 'Hamlet']);
  assert.notEqual(named.headers.etag, etag);
  assert.equal((await boss.correct(hall({ name: 'Hamlet', area: 10 }), etag)).status, 200, 'repeated, since the answer was lost');

  // Other seats, prices and areas: not while anything is blocked.
  const other = changed(hall({ name: 'Hamlet', rows: 4, seatsPerRow: 5 }), (body) => { body.categories[0].price = 1000; });
  await boss.block({ seats: ['r9s1'], reason: 'camera' });
  const blocked = await boss.correct(other);
  assertProblem(blocked, 409, 'correction-refused');
  assert.deepEqual(blocked.json.clashes, [{ path: '/', why: 'what is blocked must be unblocked first, then all of it may change' }]);
  await untilSnapshot(event);
  await boss.unblock({ seats: ['r9s1'] });
  const trial = await sell(seats, event, alice, { seats: ['r9s1', 'r9s2'] });
  assert.equal((await boss.correct(other)).json.clashes[0].path, '/categories/0/price');
  assert.equal((await saga(seats, event).refund(trial, 'order-1')).status, 200);
  assert.equal((await boss.correct(other)).status, 200);
  const { json } = await alice.info();
  assert.deepEqual([json.seats, json.areas, json.categories[0].price], [20, [], 1000]);
  assert.deepEqual(new Set(await picture(alice, 20)), new Set(['free']));
  assert.equal((await alice.hold({ seats: ['r4s5'] })).status, 201);
  assertProblem(await alice.read(trial), 410, 'no-such-hold');
  assert.equal((await boss.document()).json.plan.zones[0].rows.length, 4);

  const acts = await until('the auditor to have written it', async () => {
    const all = (await boss.audit()).json.acts;
    return all[0].act === 'revised' && all;
  });
  assert.deepEqual([0, 1, -3, -2, -1].map((nth) => [acts.at(nth).act, acts.at(nth).seq]), [['revised', 109], ['unblocked', 104], ['blocked', 3], ['revised', 2], ['imported', 1]]);
  assert.deepEqual([acts[0].reason, acts.at(-2).reason], [undefined, '오타']);
  assert.deepEqual([acts.at(-3).quantity, acts.at(-3).first], [1, undefined], 'a seat of the hall before has no name now');

  // Each moment is replayed with the document that was valid then.
  assert.deepEqual([['--seq', '1'], ['--seq', '3'], ['--at', acts[1].at], []].map((args) => replay(seats, event, ...args).categories[1].free), [50, 49, 50, 9]);
});

test('after a sale a correction may change everything but seats, in one act', async () => {
  const { event, boss, alice, bob } = await fresh({ area: 10, limits: { max_per_buyer: 3 } });
  const sold = await sell(seats, event, alice, { seats: ['r1s1', 'r1s2'] });
  const { json: held } = await bob.hold({ area: 'floor', quantity: 3 });
  await boss.block({ seats: ['r10s10'] });
  await boss.price({ prices: { Back: 77 } });
  await untilSnapshot(event);
  const next = changed((await boss.document()).json, (body) => {
    body.name = body.plan.name = 'Another night';
    body.starts_at = '2030-06-01T18:00:00Z';
    body.areas[0].capacity = 12;
    body.fees = { per_seat: 1000 };
    body.vat_basis_points = 1000;
    body.limits.max_per_buyer = 5;
    body.plan.zones[0].rows[0].row_number = 'A';
    body.categories[1].on_sale_at = '2029-01-01T00:00:00Z';
    body.channels = [{ id: 'press', name: 'Press' }, { id: 'club', name: 'Club', code: 'long enough' }];
    body.rows = [{ zone: 'Hall', row: '3', channel: 'club' }];
  });
  assertStatus(await boss.correct(next), 200);
  const { json } = await bob.info();
  assert.deepEqual([json.name, json.starts_at.slice(0, 7), json.limits.max_per_buyer, json.areas[0].capacity, json.areas[0].held, json.codes], ['Another night', '2030-06', 5, 12, 3, true]);
  assert.deepEqual([json.categories[1].price, json.categories[1].on_sale_at.slice(0, 4)], [77, '2029'], 'a price that was changed stays');
  assert.deepEqual((await picture(bob, 100)).map((state, n) => [state, n]).filter(([state]) => state !== 'free'), [['sold', 0], ['sold', 1], ['blocked', 99]]);
  const { quantity, fees, vat_basis_points } = (await bob.read(held.hold)).json;
  assert.deepEqual([quantity, fees, vat_basis_points], [3, 3000, 1000]);
  assert.equal((await bob.change(held.hold, { quantity: 5 })).status, 200, 'the new limit counts, and so does what is held');
  assertProblem(await bob.change(held.hold, { quantity: 6 }), 409, 'buyer-limit');
  assertProblem(await alice.hold({ seats: ['r3s1', 'r3s2'] }), 403, 'channel');
  assert.equal((await alice.plan()).json.zones[0].rows[0].label, 'A');
  assert.equal((await saga(seats, event).refund(sold, 'order-1')).status, 200);

  // Sold seats keep their data, and nothing of a contradicting document is applied.
  const refused = await boss.correct(changed(next, (body) => {
    body.name = 'Never';
    body.areas[0].capacity = 4;
    body.categories[0].price = 1;
    body.plan.zones[0].rows[0].seats[0].category = 'Back';
    body.seats = [{ guid: 'r10s10', accessible: true }];
  }));
  assertProblem(refused, 409, 'correction-refused');
  assert.deepEqual(refused.json.clashes, [
    { path: '/categories/0/price', why: 'must stay; POST price changes it' },
    { path: '/areas/0/capacity', why: 'must not fall below 5, which are held, sold or blocked' },
    { path: '/plan', why: 'seat r1s1 must keep its category' },
    { path: '/plan', why: 'seat r10s10 is not free and must keep its marks' },
  ]);
  for (const [path, change] of [
    ['/currency', (body) => { body.currency = 'EUR'; }],
    ['/categories/0', (body) => { body.categories.reverse(); }],
    ['/areas', (body) => { body.areas = []; }],
    ['/plan', (body) => { body.plan.zones[0].rows.pop(); }],
  ]) assert.equal((await boss.correct(changed(next, change))).json.clashes[0].path, path);
  assert.equal((await boss.read()).json.name, 'Another night');

  // Reasons with the longest names are not cut.
  const long = '🎭'.repeat(128);
  const named = (body) => changed(body, (copy) => { for (const list of [copy.categories, copy.plan.categories]) list[0].name = long; for (const row of copy.plan.zones[0].rows) for (const seat of row.seats) if (seat.category === 'Front') seat.category = long; });
  const other = await fresh();
  assert.equal((await other.boss.correct(named(hall()))).status, 200);
  await other.alice.hold({ seats: ['r1s1', 'r1s2'] });
  assert.deepEqual((await other.boss.correct(hall())).json.clashes, [{ path: '/categories/0', why: `must stay ${long}` }]);
  await sell(seats, event, alice, { seats: ['r1s1', 'r1s2'] });
});

test('a capacity can shrink to the places that are held, sold or blocked', async (t) => {
  const terms = { limits: { max_per_buyer: 10, max_per_hold: 10 } };
  const { event, boss, alice, bob } = await fresh({ area: 10, ...terms });
  await alice.release((await alice.hold({ area: 'floor', quantity: 10 })).json.hold);
  await sell(seats, event, alice, { area: 'floor', quantity: 3 });
  const { hold } = (await bob.hold({ area: 'floor', quantity: 1 })).json;
  await boss.block({ area: 'floor', quantity: 1 });
  await untilSnapshot(event);
  const refused = await boss.correct(hall({ area: 4, ...terms }));
  assertProblem(refused, 409, 'correction-refused');
  assert.deepEqual(refused.json.clashes, [{ path: '/areas/0/capacity', why: 'must not fall below 5, which are held, sold or blocked' }]);
  const answer = assertStatus(await boss.correct(hall({ area: 5, ...terms })), 200);
  const counts = ({ capacity, free, held, sold, blocked }) => [capacity, free, held, sold, blocked];
  assert.deepEqual(counts(answer.json.areas[0]), [5, 0, 1, 3, 1]);
  assertProblem(await alice.hold({ area: 'floor', quantity: 1 }), 409, 'sold-out');
  assert.equal((await bob.release(hold)).status, 204);
  assert.equal((await alice.hold({ area: 'floor', quantity: 1 })).status, 201);

  assert.deepEqual([['--seq', '2'], []].map((args) => counts(replay(seats, event, ...args).areas[0])), [[10, 0, 10, 0, 0], [5, 0, 1, 3, 1]]);
  const shown = async (scope_) => {
    const standby = await openAnother(openScope(scope_), postgres, seats);
    const [area] = await until('it to be shown', async () => (await visitor(standby, event).info()).json.areas);
    assert.deepEqual(counts(area), [5, 0, 1, 3, 1]);
    return standby;
  };
  await shown(t); // from the first row, or from the auditor's snapshot of the new hall
  await until('a snapshot', () => postgres.sql(`SELECT count(*) FROM seats.snapshot s JOIN seats.document d USING (event) WHERE s.seq >= d.since AND d.since > 1
    AND event = (SELECT no FROM seats.event WHERE id = '${event}')`, 'seats') !== '0', { timeoutMs: 60_000 });
  const standby = await shown(t);

  // Enlarged and reduced again.
  for (const area of [12, 6]) assert.equal((await boss.correct(hall({ area, ...terms }))).status, 200);
  await until('it to follow', async () => (await visitor(standby, event).info()).json.areas?.[0].capacity === 6);
});

test('new blocks, areas and categories come behind those that are there, while seats are held and sold', async (t) => {
  const { event, boss, alice, bob } = await fresh({ area: 10 });
  await sell(seats, event, alice, { seats: ['r1s1', 'r1s2'] });
  const { hold } = (await bob.hold({ seats: ['r10s9', 'r10s10'] })).json;
  await boss.price({ prices: { Back: 77, Front: 88 } });
  await untilSnapshot(event);
  const seat = (nth) => ({ seat_guid: `b${nth}`, seat_number: String(nth), position: { x: 10 * nth, y: 0 }, category: 'Box' });
  const block = { name: 'Balcony', position: { x: 0, y: 150 }, rows: [{ row_number: '1', position: { x: 0, y: 0 }, seats: [1, 2, 3, 4].map(seat) }], areas: [] };
  const wider = changed(hall({ area: 10 }), (body) => {
    body.categories.push({ name: 'Box', price: 300000 });
    body.plan.categories.push({ name: 'Box', color: '#27ae60' });
    body.areas.push({ id: 'terrace', category: 'Box', capacity: 5 });
    body.plan.zones.push(block);
  });
  for (const [why, change] of [
    ['seat r1s1 must stay where seat b1 is', (body) => body.plan.zones.reverse()],
    ['seat r10s1 must keep its neighbours', (body) => body.plan.zones[0].rows[9].seats.push({ ...seat(11), position: { x: 120, y: 0 } })],
  ]) assert.deepEqual((await boss.correct(changed(wider, (body) => { body.plan.zones[1].rows[0].seats = [1, 2, 3].map(seat); change(body); }))).json.clashes?.[0], { path: '/plan', why });
  const answer = assertStatus(await boss.correct(wider), 200);
  assert.deepEqual([answer.json.seats, answer.json.areas.length, answer.json.categories.map(({ price }) => price)], [104, 2, [88, 77, 300000]]);
  assert.equal((await bob.read(hold)).json.total, 198000, 'what was held costs what it cost');
  assert.equal((await bob.hold({ area: 'terrace', quantity: 2 })).json.total, 600000);
  assert.equal((await boss.price({ prices: { Back: 78, Box: 200000 } })).status, 200);
  await sell(seats, event, alice, { seats: ['b1', 'b2'] });
  assert.deepEqual((await boss.exported()).json.map((row) => row.seat), ['r1s1', 'r1s2', 'b1', 'b2']);
  const expected = { 0: 'sold', 1: 'sold', 98: 'held', 99: 'held', 100: 'sold', 101: 'sold' };
  const untilShown = (who, taken) => until('the picture', async () => {
    const { status, body } = await who.availability('', { accept: 'application/octet-stream' });
    return status === 200 && isDeepStrictEqual(Object.fromEntries(Object.entries(states(body, 104)).filter(([, state]) => state !== 'free')), taken);
  });
  await untilShown(alice, expected);

  assert.deepEqual([['--seq', '6'], []].map((args) => replay(seats, event, ...args).categories.map(({ price, sold }) => [price, sold])), [[[88, 2], [77, 0]], [[88, 2], [78, 0], [200000, 2]]]);
  const standby = await openAnother(openScope(t), postgres, seats);
  await until('the standby to have it', async () => (await visitor(standby, event).info()).json.categories?.[2]?.sold === 2);
  await untilShown(visitor(standby, event), expected);
  assert.equal((await bob.release(hold)).status, 204);
  await untilShown(visitor(standby, event), { 0: 'sold', 1: 'sold', 100: 'sold', 101: 'sold' });
});

test('a correction ends streams, and the next stream names the new plan', async () => {
  const { boss, alice } = await fresh();
  const [before, { json: { version } }] = [await alice.stream('?since=0'), await alice.info()];
  const first = await before.find('the first', () => true);
  assert.equal(first.json.plan, (await alice.info()).json.plan);
  assert.equal((await boss.correct(hall({ name: 'Named anew' }))).status, 200);
  await until('the stream to end', () => before.ended);
  const later = await alice.stream('?since=0', { 'last-event-id': first.id });
  const next = await later.find('the next', () => true);
  assert.equal(next.json.plan, (await alice.info()).json.plan);
  assert.notEqual(next.json.plan, first.json.plan);
  assert.ok(next.json.version > version);
  later.close();
});

test('under load every hold is there once, and each is judged by one of the documents', async () => {
  const { event, boss } = await fresh({ rows: 20, seatsPerRow: 20, limits: { max_per_hold: 2, hold_ttl_s: 3600, hold_max_s: 3600, orphan_rule: false } });
  let going = true;
  const kept = [];
  const buyer = async (nth) => {
    for (let row = 1; row <= 20 && going; row += 1) {
      const seat = `r${row}s${nth + 1}`;
      const answer = await until('an answer', async () => {
        const one = await visitor(seats, event).hold({ seats: [seat] });
        return one.status !== 503 && one;
      });
      assert.equal(answer.status, 201, answer.text);
      kept.push(seat);
    }
  };
  const crowd = Promise.all(Array.from({ length: 8 }, (_, nth) => buyer(nth)));
  for (const max of [3, 4, 5]) {
    const next = changed((await until('it to be open', async () => { const one = await boss.document(); return one.status === 200 && one; })).json, (body) => { body.limits.max_per_hold = max; });
    const answer = await until('the correction', async () => { const one = await boss.correct(next); return one.status !== 503 && one; });
    assert.equal(answer.status, 200, answer.text);
  }
  going = false;
  await crowd;
  await until('the picture to have them', async () => (await picture(visitor(seats, event), 400)).filter((state) => state === 'held').length === kept.length);
  assert.equal(new Set(kept).size, kept.length);
  assert.equal((await boss.read()).json.limits.max_per_hold, 5);
});

test('where two share the events, the owner corrects, and both show it', async (t) => {
  const { first, second } = await openPair(t);
  const next = hall({ name: 'New' });
  const { headers: { etag } } = await operator(first, 'one').read();
  assertProblem(await operator(second, 'one').correct(next, etag), 421, 'event-elsewhere');
  const answer = await operator(first, 'one').correct(next, etag);
  assert.ok(answer.status === 200 || answer.json.code === 'event-elsewhere', answer.text);
  for (const one of [first, second]) await until('it to be shown', async () => (await visitor(one, 'one').info()).json.name === 'New');
});

test('a standby at which the event was out during a correction shows what counts', async (t) => {
  const { event, boss } = await fresh({ area: 10 });
  await untilSnapshot(event);
  const ours = `seats.event e WHERE e.no = s.event AND e.id = '${event}'`;
  postgres.sql(`UPDATE seats.snapshot s SET body = set_byte(body, 20, get_byte(body, 20) # 1) FROM ${ours}`, 'seats'); // of another plan
  const standby = await openAnother(openScope(t), postgres, seats);
  await until('it to be out', async () => (await operator(standby).events()).json.events.find((one) => one.event === event)?.state === 'out');
  standby.pause();
  postgres.sql(`DELETE FROM seats.snapshot s USING ${ours}`, 'seats');
  assert.equal((await boss.correct(hall({ name: 'New', area: 10 }))).status, 200);
  await untilSnapshot(event);
  standby.resume();
  await until('it to be shown', async () => (await visitor(standby, event).info()).json.name === 'New', { timeoutMs: 60_000 });
});

test('an owner that is killed in the middle of a correction made none; the standby shows what counts', async (t) => {
  const own = openScope(t);
  const store = await openPostgres(own);
  const owner = await openSeats(own, store);
  await importHall(owner, 'one', hall({ name: 'Old' }));
  const { hold } = (await visitor(owner, 'one').hold({ seats: ['r1s1', 'r1s2'] })).json;
  const standby = await openAnother(own, store, owner);
  await until('it to be shown', async () => (await visitor(standby, 'one').info()).status === 200);

  store.sql(`CREATE FUNCTION seats.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NEW; END $$;
    CREATE TRIGGER waits BEFORE INSERT ON seats.journal FOR EACH ROW WHEN (NEW.kind = 15) EXECUTE FUNCTION seats.wait()`, 'seats');
  const lock = await holdLock(own, store, 'SELECT pg_advisory_lock(77)');
  const { headers: { etag } } = await operator(owner, 'one').read();
  const correct = async () => { // retries if it has waited for the lock too long
    const answer = await operator(owner, 'one').correct(hall({ name: 'New' }), etag).catch(() => null);
    return answer?.status === 503 ? correct() : answer;
  };
  const lost = correct();
  await untilWaiting('the correction to be on its way', store, 'ExclusiveLock');
  await owner.kill();
  await lock.letGo();
  assert.equal(await lost, null);
  const boss = operator(standby, 'one');
  await until('the standby to own it', async () => (await boss.read()).status === 200, { timeoutMs: 60_000 });
  assert.equal((await boss.read()).json.name, 'Old');

  assert.equal((await boss.correct(hall({ name: 'Newest' }))).status, 200);
  const restarted = await openAnother(own, store, owner);
  await until('the next standby to show it', async () => (await visitor(restarted, 'one').info()).json.name === 'Newest');
  assert.equal((await boss.correct(hall({ name: 'Last' }))).status, 200);
  await until('a standby that follows to show it', async () => (await visitor(restarted, 'one').info()).json.name === 'Last');
  assertProblem(await operator(restarted, 'one').correct(hall({ name: 'Astray' }), '"0"'), 503, 'standby');
  await standby.kill();
  await until('it to take over', async () => (await operator(restarted, 'one').read()).status === 200, { timeoutMs: 60_000 });
  assert.equal((await operator(restarted, 'one').read()).json.name, 'Last');
  assert.equal((await operator(restarted, 'one').read()).json.categories[0].held, 2, hold);
});
