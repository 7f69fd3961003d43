// The operator's calls: import, block, unblock, move, price, export, counts; and the keys of the
// waiting room as they change.

import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { assertProblem, freePort, openScope, until } from '../../lib-js/index.js';
import {
  hall,
  importHall,
  openPostgres,
  openSeats,
  operator,
  PassOffice,
  saga,
  states,
  visitor,
} from './house.js';

const scope = openScope();
let postgres;
let seats;
let events = 0;

before(async () => {
  postgres = await openPostgres(scope);
  seats = await openSeats(scope, postgres);
});
after(() => scope.close());

async function fresh(options) {
  const event = `house-${(events += 1)}`;
  await importHall(seats, event, hall(options));
  return { event, boss: operator(seats, event), alice: visitor(seats, event), bob: visitor(seats, event) };
}

async function sell(event, buyer, ids, order = 'order-1') {
  const { hold } = (await buyer.hold({ seats: ids })).json;
  await saga(seats, event).extend(hold, order);
  const sold = await saga(seats, event).confirm(hold, order);
  assert.equal(sold.json.verdict, 'confirmed');
  return hold;
}

test('an import is made once; the same document again is no mistake, another one is', async () => {
  const boss = operator(seats, 'import-1');
  const body = hall();
  assert.equal((await boss.import(body)).status, 201);
  assert.equal((await boss.import(body)).status, 200);
  assertProblem(await boss.import({ ...body, name: 'Else' }), 409, 'event-exists');
  assert.equal((await boss.read()).json.name, 'Test night');
  const { json } = await operator(seats).events();
  assert.equal(json.role, 'owner');
  assert.ok(json.events.some(({ event, open }) => event === 'import-1' && open));
});

test('a bad plan is named by pointer and rule, and changes nothing', async () => {
  const boss = operator(seats, 'import-2');
  const twice = hall();
  twice.plan.zones[0].rows[0].seats[1].seat_guid = 'r1s1';
  const refused = await boss.import(twice);
  assertProblem(refused, 422, 'bad-plan');
  assert.match(refused.json.detail, /^\/plan\/zones\/0\/rows\/0\/seats\/1\/seat_guid: /);
  const lost = hall();
  lost.plan.zones[0].rows[3].seats[2].category = 'Loge';
  assert.match((await boss.import(lost)).json.detail, /rows\/3\/seats\/2\/category/);
  assertProblem(await boss.import('{"name":'), 400, 'bad-json');
  assert.equal((await boss.import({ ...hall(), colour: 'red' })).status, 422);
  assertProblem(await boss.read(), 404, 'event-unknown');
  assert.equal(postgres.sql("SELECT count(*) FROM seats.event WHERE id = 'import-2'", 'seats'), '0');
  const bad = await seats.admin.put('/admin/events/Not_An_Id', { body: hall() });
  assertProblem(bad, 422, 'bad-event-id');
  assert.equal((await boss.import(hall())).status, 201, 'the id is still to be had');
});

test('what is exported can be imported again', async () => {
  const { boss } = await fresh({ area: 20 });
  const exported = await boss.document();
  const again = operator(seats, 'import-3');
  assert.equal((await again.import(exported.json)).status, 201);
  assert.deepEqual((await again.document()).json, exported.json);
});

test('blocked seats cannot be held until they are unblocked', async () => {
  const { boss, alice } = await fresh({ area: 10 });
  const blocked = await boss.block({ seats: ['r1s1', 'r1s2'], reason: 'camera' });
  assert.equal(blocked.status, 200);
  assert.equal(blocked.json.change, 'blocked');
  await until('the picture to show it', async () => {
    const picture = await alice.availability('', { accept: 'application/octet-stream' });
    return states(picture.body, 100)[1] === 'blocked';
  });
  assert.equal((await alice.hold({ seats: ['r1s1', 'r1s2'] })).status, 409);
  assert.equal((await boss.unblock({ seats: ['r1s1', 'r1s2'] })).status, 200);
  assert.equal((await alice.hold({ seats: ['r1s1', 'r1s2'] })).status, 201);
  assert.equal((await boss.block({ seats: ['r1s2', 'r1s3'] })).status, 409, 'held: not blocked');
  assert.equal((await boss.block({ area: 'floor', quantity: 8 })).json.areas[0].blocked, 8);
  assertProblem(await alice.hold({ area: 'floor', quantity: 3 }), 409, 'sold-out');
  assertProblem(await boss.block({ seats: ['nowhere'] }), 422, 'seat-unknown');
  assertProblem(await boss.block({}), 422, 'bad-field');
});

test('a price change counts for holds from then on', async () => {
  const { boss, alice, bob } = await fresh();
  const before_ = (await alice.hold({ seats: ['r1s1', 'r1s2'] })).json;
  assert.equal((await boss.price({ category: 'Front', price: 50000 })).status, 200);
  assert.equal((await bob.hold({ seats: ['r1s3', 'r1s4'] })).json.total, 100000);
  assert.equal((await alice.read(before_.hold)).json.total, 300000);
  assert.equal((await alice.info()).json.categories[0].price, 50000);
  assertProblem(await boss.price({ category: 'Loge', price: 1 }), 422, 'bad-field');
});

test('sold seats can be moved, and the list of the sold follows', async () => {
  const { event, boss, alice, bob } = await fresh();
  const hold = await sell(event, alice, ['r1s1', 'r1s2'], 'order-7');
  const moved = await boss.move({ hold, from: ['r1s1', 'r1s2'], to: ['r4s6', 'r4s5'], reason: 'rain' });
  assert.equal(moved.status, 200, moved.text);
  assert.equal((await bob.hold({ seats: ['r1s1', 'r1s2'] })).status, 201);
  const sold = (await boss.exported()).json;
  assert.deepEqual(sold.map(({ seat }) => seat).sort(), ['r4s5', 'r4s6']);
  assert.ok(sold.every(({ order, hold: whose }) => order === 'order-7' && whose === hold));
  const { hold: open } = (await bob.hold({ seats: ['r7s1', 'r7s2'] })).json;
  assertProblem(await boss.move({ hold: open, from: ['r7s1'], to: ['r8s1'] }), 409, 'hold-not-sold');
});

test('the export comes as CSV too, and no field of it is a formula', async () => {
  const { event, boss, alice } = await fresh();
  await sell(event, alice, ['r1s1'], '=cmd|calc');
  const { status, headers, text } = await boss.exported('?format=csv');
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^text\/csv/);
  const lines = text.split('\r\n');
  assert.equal(lines[0], 'seat,zone,row,number,category,order,hold');
  assert.match(lines[1], /^"r1s1","Hall","1","1","Front","'=cmd\|calc",/);
  assertProblem(await boss.exported('?format=xml'), 422, 'bad-format');
});

test('counts tell how the sale went, and how it is now', async () => {
  const { boss, alice } = await fresh();
  await alice.hold({ seats: ['r1s1', 'r1s2'] });
  const { columns, points, now } = await until('the counts to know', async () => {
    const { json } = await boss.counts();
    return json.now.held === 2 && json.points.length > 0 && json;
  });
  assert.deepEqual(columns, ['at', 'free', 'held', 'sold', 'blocked', 'errors']);
  assert.equal(points[0].length, columns.length);
  assert.equal(now.free, 98);
});

test('metrics tell of each event what is held, free, sold and blocked', async () => {
  const { event, boss, alice } = await fresh({ area: 10 });
  await alice.hold({ seats: ['r1s1', 'r1s2'] });
  await sell(event, alice, ['r2s1']);
  await boss.block({ area: 'floor', quantity: 4 });
  const told = async () => {
    const metrics = await seats.metrics();
    return ['free', 'held', 'sold', 'blocked'].map((state) => metrics.get(`fairgate_seats_${state}{event="${event}"}`));
  };
  await until('the gauges to know', async () => (await told()).join() === '103,2,1,4');
});

test('metrics tell what durability costs', async () => {
  const metrics = await seats.metrics();
  assert.ok(metrics.get('fairgate_journal_commits_total') > 0);
  assert.ok(metrics.get('fairgate_journal_changes_total') >= metrics.get('fairgate_journal_commits_total'));
  assert.ok(metrics.get('fairgate_journal_wal_bytes_total') > 0);
  assert.ok([...metrics.keys()].some((name) => name.startsWith('fairgate_journal_batch')));
});

test('keys are fetched from the waiting room, and a rotation is noticed without a word', async (t) => {
  const own = openScope(t);
  let office = new PassOffice();
  const port = await freePort();
  const room = http.createServer((_, answer) => {
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify({ keys: [office.jwk] }));
  });
  await new Promise((resolve) => room.listen(port, '127.0.0.1', resolve));
  own.defer(() => room.close());
  const database = await openPostgres(own);
  const other = await openSeats(own, database, {
    office,
    config: { passes: { keys_file: '', keys_url: `http://127.0.0.1:${port}/.well-known/jwks.json` } },
  });
  await importHall(other, 'rotation', hall());
  assert.equal((await visitor(other, 'rotation').info()).status, 200);
  const before_ = visitor(other, 'rotation');
  office = new PassOffice();
  other.office = office;
  await until('the new key to be known', async () => (await visitor(other, 'rotation').info()).status === 200);
  assertProblem(await before_.info(), 401, 'pass-invalid');
  room.close();
  assert.equal((await visitor(other, 'rotation').info()).status, 200, 'the room may be away');
});
