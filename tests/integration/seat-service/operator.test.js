// The operator's calls: import, block, unblock, price, export, counts; and rotations of the waiting room's keys.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openScope, serve, until } from '../../lib-js/index.js';
import { hall, halls, importHall, openAnother, openPostgres, openSeats, operator, PassOffice, picture, replay, saga, sell, visitor } from './site.js';

const scope = openScope(test);
const postgres = await openPostgres(scope);
const seats = await openSeats(scope, postgres);
const fresh = halls(seats, 'house');

test('a repeated import is accepted, a different document is refused', async () => {
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

test('an import that says no limits gets safe ones, and the answer lists those that it turns off', async () => {
  const made = async (id, limits) => (await operator(seats, id).import({ ...hall(), limits })).json;
  const { limits, unlimited } = await made('limits-none', undefined);
  assert.deepEqual([limits.max_per_buyer, limits.max_per_hold, limits.rate_per_session_per_s], [8, 8, 10]);
  assert.deepEqual(unlimited, []);
  const off = await made('limits-off', { max_per_buyer: 0, rate_per_session_per_s: 0 });
  assert.deepEqual(off.unlimited, ['max_per_buyer', 'rate_per_session_per_s']);
});

const spoilt = (row, nth, seat) => {
  const body = hall();
  Object.assign(body.plan.zones[0].rows[row].seats[nth], seat);
  return body;
};
const coded = (code) => hall({ channels: [{ id: 'press' }, { id: 'club', code }] });
const BAD_PLANS = [
  ['a seat that is there twice', spoilt(0, 1, { seat_guid: 'r1s1' }), /^\/plan\/zones\/0\/rows\/0\/seats\/1\/seat_guid: /],
  ['a seat whose name reads like a standing place', spoilt(0, 1, { seat_guid: 'floor#1' }), /^\/plan\/zones\/0\/rows\/0\/seats\/1\/seat_guid: must not have a #$/],
  ['an unknown category', spoilt(3, 2, { category: 'Loge' }), /rows\/3\/seats\/2\/category/],
  ...['   1234567   ', '일이삼사오육칠'].map((code) => [`the code ${code}`, coded(code), /^\/channels\/1\/code: must have at least 8 characters other than spaces$/]),
];

test('a bad plan is named by pointer and rule, and changes nothing', async () => {
  const boss = operator(seats, 'import-2');
  for (const [what, body, detail] of BAD_PLANS) {
    const refused = await boss.import(body);
    assert.match(`${refused.json.detail}`, detail, what);
    assertProblem(refused, 422, 'bad-plan');
  }
  assertProblem(await boss.import('{"name":'), 400, 'bad-json');
  assert.equal((await boss.import({ ...hall(), colour: 'red' })).status, 422);
  assertProblem(await boss.read(), 404, 'event-unknown');
  assert.equal(postgres.sql("SELECT count(*) FROM seats.event WHERE id = 'import-2'", 'seats'), '0');
  const bad = await seats.admin.put('/admin/events/Not_An_Id', { body: hall() });
  assertProblem(bad, 422, 'bad-event-id');
  assert.equal((await boss.import(coded('일이삼 사오육칠팔'))).status, 201, 'the id is still to be had');
});

test('a plan\'s shapes are served at their positions, in both forms, and what is exported can be imported again', async () => {
  const body = hall({ area: 20 });
  body.plan.zones[0].position = { x: 100, y: 50 };
  body.plan.zones[0].areas = [
    { shape: 'rectangle', color: '#222222', border_color: '#000000', rotation: 15, position: { x: 10, y: -40 }, rectangle: { width: 80, height: 20 }, text: { text: 'Bühne', color: '#ffffff', size: 14, position: { x: 40, y: 10 } } },
    { shape: 'polygon', color: '#eeeeee', position: { x: 0, y: 0 }, polygon: { points: [{ x: 0, y: 0 }, { x: 10.5, y: 0 }, { x: 0, y: 10 }] } },
    { shape: 'circle', position: { x: 5, y: 5 }, circle: { radius: 7 } },
    { shape: 'ellipse', position: { x: 5, y: 5 }, ellipse: { radius: { x: 4, y: 3 } } },
    { shape: 'text', position: { x: 1, y: 2 }, text: { text: 'Bar', position: { x: 0, y: 0 } } },
    { width: 30, height: 10, position: { x: 0, y: 90 }, color: '#cccccc', rotation: 0, text: 'Old bar' },
  ];
  assert.equal((await operator(seats, 'drawn').import(body)).status, 201);
  const expected = [
    { shape: 'rectangle', x: 110, y: 10, rotation: 15, width: 80, height: 20, color: '#222222', border_color: '#000000', text: { text: 'Bühne', x: 40, y: 10, color: '#ffffff', size: 14 } },
    { shape: 'polygon', x: 100, y: 50, points: [0, 0, 10.5, 0, 0, 10], color: '#eeeeee' },
    { shape: 'circle', x: 105, y: 55, radius: 7 },
    { shape: 'ellipse', x: 105, y: 55, radius_x: 4, radius_y: 3 },
    { shape: 'text', x: 101, y: 52, text: { text: 'Bar' } },
    { shape: 'rectangle', x: 100, y: 140, width: 30, height: 10, color: '#cccccc', text: { text: 'Old bar' } },
  ];
  for (const query of ['', '?form=rows']) assert.deepEqual((await visitor(seats, 'drawn').plan({}, query)).json.shapes, expected);

  const { json: exported } = await operator(seats, 'drawn').document();
  assert.equal((await operator(seats, 'drawn').import(exported)).status, 200, 'it says the same');
  assert.equal((await operator(seats, 'drawn-again').import(exported)).status, 201);
  assert.deepEqual((await operator(seats, 'drawn-again').document()).json, exported);
  const [one, two] = [await visitor(seats, 'drawn').plan(), await visitor(seats, 'drawn-again').plan()];
  assert.equal(two.headers.etag, one.headers.etag);
  assert.deepEqual(two.json, one.json);
});

test('a plan\'s labels of rows and seats are in the plan and in the hold', async () => {
  const body = hall({ rows: 2, seatsPerRow: 3, limits: { orphan_rule: false } });
  Object.assign(body.plan.zones[0].rows[0], { row_label: 'Reihe %s', seat_label: 'Stuhl %s', row_number_position: 'start' });
  await importHall(seats, 'named', body);
  const buyer = visitor(seats, 'named');
  const said = { seat_label: 'Stuhl %s', row_number_position: 'start' };
  const [named, plain] = (await buyer.plan()).json.zones[0].rows;
  assert.equal(named.label, 'Reihe 1');
  for (const [row, words] of [[named, said], [plain, {}]]) for (const { seat_label, row_number_position } of row.seats) assert.deepEqual({ seat_label, row_number_position }, { seat_label: undefined, row_number_position: undefined, ...words });
  assert.deepEqual((await buyer.plan({}, '?form=rows')).json.zones[0].notes, [said, 3, {}, 3]);
  const { json } = await buyer.hold({ seats: ['r1s2', 'r2s1'] });
  assert.deepEqual(json.places.map(({ row, number, label }) => [row, number, label]), [['Reihe 1', '2', 'Stuhl 2'], ['2', '1', undefined]]);
});

test('a bounded number of shapes is served; the document keeps all of them', async () => {
  const body = hall();
  const shape = (n) => ({ shape: 'circle', position: { x: n, y: 0 }, circle: { radius: 1 } });
  body.plan.zones[0].areas = Array.from({ length: 1030 }, (_, n) => shape(n));
  const dropped = [{ path: '/plan/zones/0/areas/1024', why: 'is one shape, or polygon, more than a plan may show', count: 6 }];
  const made = assertStatus(await operator(seats, 'crowded').import(body), 201);
  for (const { json } of [made, await operator(seats, 'crowded').import(body), await operator(seats, 'crowded').read()]) assert.deepEqual(json.dropped, dropped);
  assert.equal((await visitor(seats, 'crowded').plan()).json.shapes.length, 1024);
  assert.equal((await operator(seats, 'crowded').document()).json.plan.zones[0].areas.length, 1030);
});

// The trail, once it has that many rows.
const trailOf = (boss, length) => until('the auditor to have written it', async () => {
  const { acts } = (await boss.audit()).json;
  return acts.length === length && acts;
});

test('blocked seats cannot be held until they are unblocked', async () => {
  const { boss, alice } = await fresh({ area: 10 });
  const blocked = assertStatus(await boss.block({ seats: ['r1s1', 'r1s2'], reason: 'camera' }), 200);
  assert.equal(blocked.json.change, 'blocked');
  await until('the picture to show it', async () => (await picture(alice, 100))[1] === 'blocked');
  assert.equal((await alice.hold({ seats: ['r1s1', 'r1s2'] })).status, 409);
  assert.equal((await boss.unblock({ seats: ['r1s1', 'r1s2'] })).status, 200);
  assert.equal((await alice.hold({ seats: ['r1s1', 'r1s2'] })).status, 201);
  assert.equal((await boss.block({ seats: ['r1s2', 'r1s3'] })).status, 409, 'held: not blocked');
  assert.equal((await boss.block({ area: 'floor', quantity: 8 })).json.areas[0].blocked, 8);
  assertProblem(await alice.hold({ area: 'floor', quantity: 3 }), 409, 'sold-out');
  assertProblem(await boss.block({ seats: ['nowhere'] }), 422, 'seat-unknown');
  assertProblem(await boss.block({}), 422, 'bad-field');

  // The trail has what was done, and nothing that was refused.
  const acts = await trailOf(boss, 4);
  assert.deepEqual([acts.at(-1).act, acts.at(-1).seq, acts.pop().quantity], ['imported', 1, undefined]);
  const pair = { first: 'r1s1', last: 'r1s2' };
  assert.deepEqual(acts.map(({ act, quantity, first, last, area, reason }) => ({ act, quantity, first: first?.seat, last: last?.seat, area, reason })), [
    { act: 'blocked', quantity: 8, first: undefined, last: undefined, area: 'floor', reason: undefined },
    { act: 'unblocked', quantity: 2, ...pair, area: undefined, reason: undefined },
    { act: 'blocked', quantity: 2, ...pair, area: undefined, reason: 'camera' },
  ]);
  assert.ok(acts.every(({ at, seq }, n) => Math.abs(Date.parse(at) - Date.now()) < 600_000 && (n === 0 || seq < acts[n - 1].seq)), JSON.stringify(acts));
  assert.deepEqual([acts[1].first.row, acts[1].first.number], ['1', '1']);
});

test('a price change counts for holds from then on', async () => {
  const { boss, alice, bob } = await fresh();
  const before_ = (await alice.hold({ seats: ['r1s1', 'r1s2'] })).json;
  assert.equal((await boss.price({ prices: { Front: 50000 } })).status, 200);
  assert.equal((await bob.hold({ seats: ['r1s3', 'r1s4'] })).json.total, 100000);
  assert.equal((await alice.read(before_.hold)).json.total, 300000);
  const refused = await alice.change(before_.hold, { add: ['r1s5'] });
  assertProblem(refused, 409, 'price-changed');
  assert.deepEqual([refused.json.seat, refused.json.price], ['r1s5', 50000]);
  assert.equal((await alice.info()).json.categories[0].price, 50000);
  assertProblem(await boss.price({ prices: { Loge: 1 } }), 422, 'bad-field');

  // Each is in the trail with its previous value.
  assert.equal((await boss.price({ prices: { Back: 90000 }, reason: 'few came' })).status, 200);
  assert.equal((await boss.price({ prices: { Front: 60000 } })).status, 200);
  const acts = await trailOf(boss, 4);
  assert.deepEqual(acts.slice(0, -1).map(({ seq, at, ...act }) => act), [
    { act: 'priced', category: 'Front', from: 50000, to: 60000 },
    { act: 'priced', category: 'Back', from: 99000, to: 90000, reason: 'few came' },
    { act: 'priced', category: 'Front', from: 150000, to: 50000 },
  ]);
  assert.equal((await boss.audit()).json.currency, 'KRW');

  // A price has the same maximum as in an import.
  assertProblem(await boss.price({ prices: { Back: 1_000_000_000_001 } }), 422, 'bad-field');
  assert.equal((await boss.price({ prices: { Back: 1_000_000_000_000 } })).status, 200);
  assert.equal((await bob.hold({ seats: ['r10s1', 'r10s2'] })).json.total, 2_000_000_000_000);
});

test('prices of several categories change in one act: pages, trail, replay and standby have all of them or none', async (t) => {
  const { event, boss, alice } = await fresh();
  const held = (await alice.hold({ seats: ['r1s1', 'r1s2'] })).json;
  const stream = await alice.stream('?since=0');
  await stream.find('the first', () => true);
  for (const prices of [undefined, {}, { Front: null }, { Front: 1, Loge: 2 }, { Front: 1, Back: -1 }]) assertProblem(await boss.price({ prices }), 422, 'bad-field');
  const { json } = await boss.price({ prices: { Back: 40000, Front: 50000 }, reason: 'few came' });
  assert.deepEqual([json.change, json.categories.map(({ price }) => price)], ['repriced', [50000, 40000]]);
  const told = await stream.find('the new prices', ({ json: { prices } }) => prices !== undefined && prices[0] !== 150000);
  assert.deepEqual(told.json.prices, [50000, 40000]);
  stream.close();
  assert.equal((await alice.read(held.hold)).json.total, 300000);

  const acts = await trailOf(boss, 3);
  assert.deepEqual(acts.slice(0, -1).map(({ at, ...act }) => act), [
    { seq: json.seq, act: 'priced', category: 'Front', from: 150000, to: 50000, reason: 'few came' },
    { seq: json.seq, act: 'priced', category: 'Back', from: 99000, to: 40000, reason: 'few came' },
  ]);
  // More often than there are slots for price lists, one of which a hold uses.
  for (let n = 1; n <= 300; n += 1) assert.equal((await boss.price({ prices: { Front: n } })).status, 200, `change ${n}`);
  assert.equal((await boss.price({ prices: { Front: 50000 } })).status, 200);
  assert.equal((await alice.read(held.hold)).json.total, 300000);
  assert.deepEqual(replay(seats, event).categories.map(({ price }) => price), [50000, 40000]);
  const standby = await openAnother(openScope(t), postgres, seats);
  await until('the standby to show them', async () => (await visitor(standby, event).info()).json.categories?.map(({ price }) => price).join() === '50000,40000');
});

test('a page of the trail has acts whole, and says where the next one begins', async () => {
  const names = Array.from({ length: 60 }, (_, nth) => `Tier ${nth}`);
  const document = hall();
  document.plan.categories.push(...names.map((name) => ({ name, color: '#2980b9' })));
  document.categories.push(...names.map((name) => ({ name, price: 1000 })));
  await importHall(seats, 'trail-long', document);
  const boss = operator(seats, 'trail-long');
  for (let change = 1; change <= 4; change++) {
    assert.equal((await boss.price({ prices: Object.fromEntries(names.map((name) => [name, 1000 + change])) })).status, 200);
  }
  const first = await until('the auditor to have written all', async () => {
    const { json } = await boss.audit();
    return json.acts[0].to === 1004 && json.acts.some(({ to }) => to === 1002) && json;
  });
  const countOf = ({ acts }) => [1, 2, 3, 4].map((change) => acts.filter(({ to }) => to === 1000 + change).length);
  assert.deepEqual([countOf(first), first.next], [[0, 60, 60, 60], first.acts.at(-1).seq]);
  const second = (await boss.audit(`?before=${first.next}`)).json;
  assert.deepEqual([countOf(second), second.acts.length, second.next], [[60, 0, 0, 0], 61, null]);
  assert.deepEqual((await boss.audit('?before=1')).json.acts, []);
  for (const before of ['x', '-1', '9223372036854775808']) assertProblem(await boss.audit(`?before=${before}`), 422, 'bad-before');
});

test('the saga of the order that bought it moves a sold seat, all or nothing, once', async () => {
  const { event, boss, alice, bob } = await fresh();
  const order = saga(seats, event);
  const hold = await sell(seats, event, alice, ['r1s1', 'r1s2'], 'order-7');
  const { purchase, total } = (await order.read(hold)).json;
  const { hold: open } = (await bob.hold({ seats: ['r4s6', 'r4s7'] })).json;
  assertProblem(await order.move(open, 'order-7', ['r4s6'], ['r4s5']), 409, 'hold-not-sold');
  const taken = await order.move(hold, 'order-7', ['r1s1', 'r1s2'], ['r4s5', 'r4s6']);
  assertProblem(taken, 409, 'seats-taken');
  assert.deepEqual(taken.json.seats, ['r4s6']);
  assertProblem(await order.move(hold, 'order-8', ['r1s1'], ['r4s5']), 409, 'other-order');
  assertProblem(await order.move(hold, 'order-7', ['r1s1', 'r1s2'], ['r4s5']), 422, 'bad-field');
  assertProblem(await order.move(hold, 'order-7', ['r1s1'], ['nowhere']), 422, 'seat-unknown');
  for (let asked = 0; asked < 2; asked += 1) {
    const { status, json } = await order.move(hold, 'order-7', ['r1s1'], ['r8s1']);
    assert.equal(status, 200);
    assert.deepEqual([json.verdict, json.state, json.purchase, json.total], ['moved', 'sold', purchase, total]);
    assert.deepEqual(json.places.map(({ id }) => id).sort(), ['r1s2', 'r8s1']);
  }
  assert.ok(total > 0);
  assert.equal((await bob.hold({ seats: ['r1s1'] })).status, 201, 'what was left is on sale');
  const sold = (await boss.exported()).json;
  assert.deepEqual(sold.map(({ seat }) => seat).sort(), ['r1s2', 'r8s1']);
  assert.ok(sold.every(({ order: bought, hold: whose }) => bought === 'order-7' && whose === hold));
  const inBooks = (what) => postgres.sql(`SELECT ${what} FROM seats.holds h JOIN seats.event e ON e.no = h.event WHERE e.id = '${event}'`, 'seats');
  await until('the table to have the holds of after the move', () => inBooks('count(*)') === '3');
  const paid = () => inBooks("sum(total) FILTER (WHERE state = 'sold')");
  assert.equal(paid(), String(total), 'a cheaper seat keeps what was paid');
  assert.equal((await order.refund(hold, 'order-7', { seats: ['r1s2'] })).json.total, total / 2, 'so does what is left of it');
  await until('the table to have the rest', () => paid() === String(total / 2));
});

test('a preview of a seat move follows the same rules, and nothing moves', async () => {
  const { event, boss, alice, bob } = await fresh();
  const order = saga(seats, event);
  const hold = await sell(seats, event, alice, ['r1s1', 'r1s2'], 'order-7');
  await bob.hold({ seats: ['r4s6', 'r4s7'] });
  const before_ = (await boss.exported()).text;
  const asked = async (...how) => (await order.movable(hold, ...how)).json;
  assert.deepEqual(await asked('order-7', ['r1s1'], ['r1s3']), { same_category: true });
  assert.deepEqual(await asked('order-7', ['r1s1', 'r1s2'], ['r1s3', 'r8s1']), { same_category: false });
  const taken = await order.movable(hold, 'order-7', ['r1s1', 'r1s2'], ['r4s5', 'r4s6']);
  assertProblem(taken, 409, 'seats-taken');
  assert.deepEqual(taken.json.seats, ['r4s6']);
  assertProblem(await order.movable(hold, 'order-8', ['r1s1'], ['r4s5']), 409, 'other-order');
  assertProblem(await order.movable(hold, 'order-7', ['r2s1'], ['r4s5']), 422, 'not-in-hold');
  assertProblem(await order.movable(hold, 'order-7', ['r1s1'], ['nowhere']), 422, 'seat-unknown');
  assert.equal((await boss.exported()).text, before_);
  assert.equal((await bob.hold({ seats: ['r1s3', 'r1s4'] })).status, 201, 'and nobody is kept from the seats');
});

test('the export comes as CSV too, and no field of it is a formula', async () => {
  const { event, boss, alice } = await fresh();
  await sell(seats, event, alice, ['r1s1'], '=cmd|calc');
  const { status, headers, text } = await boss.exported('?format=csv');
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^text\/csv/);
  const lines = text.split('\r\n');
  assert.equal(lines[0], 'seat,zone,row,number,category,order,hold,area,places,price');
  assert.match(lines[1], /^"r1s1","Hall","1","1","Front","'=cmd\|calc",/);
  assertProblem(await boss.exported('?format=xml'), 422, 'bad-format');
});

test('the export comes in pages, too, in the order of the plan', async () => {
  const { event, boss, alice } = await fresh();
  await sell(seats, event, alice, ['r1s3', 'r1s1', 'r1s2'], 'order-7');
  const page = async (query) => (await boss.exported(query)).json.map(({ seat }) => seat);
  assert.deepEqual(await page('?limit=2'), ['r1s1', 'r1s2']);
  assert.deepEqual(await page('?limit=2&after=r1s2'), ['r1s3']);
  assert.deepEqual(await page('?limit=2&after=r1s%33'), []);
  assert.deepEqual(await page('?after=r1s1'), ['r1s2', 'r1s3']);
  for (const limit of ['0', '-1', 'all', '1000001']) assertProblem(await boss.exported(`?limit=${limit}`), 422, 'bad-limit');
  assertProblem(await boss.exported('?after=nowhere'), 422, 'seat-unknown');
});

test('standing places are exported behind the seats until they are given back', async () => {
  const { event, boss, alice, bob } = await fresh({ areas: [{ id: 'floor', name: 'Standing', category: 'Front', capacity: 50 }] });
  const first = await sell(seats, event, alice, { area: 'floor', quantity: 2 }, 'order-1');
  await boss.price({ prices: { Front: 160000 } });
  const second = await sell(seats, event, bob, { area: 'floor', quantity: 3 }, 'order-2');
  await sell(seats, event, alice, ['r1s1'], 'order-3');
  const row = (order, hold, places, price) => ({ zone: 'Standing', category: 'Front', order, hold, area: 'floor', places, price });
  const [seat, ...areas] = (await boss.exported()).json;
  assert.equal(seat.seat, 'r1s1');
  const wanted = [row('order-1', first, 2, 150000), row('order-2', second, 3, 160000)];
  assert.deepEqual(areas.toSorted((a, b) => a.places - b.places), wanted);

  const page = async (query) => (await boss.exported(query)).json.map(({ order }) => order);
  assert.deepEqual(await page('?limit=2'), ['order-3', areas[0].order]);
  assert.deepEqual(await page('?limit=1&after=r1s1'), [areas[0].order]);
  assert.deepEqual(await page(`?limit=2&after=${areas[0].hold}`), [areas[1].order]);
  assert.deepEqual(await page(`?after=${areas[1].hold}`), []);
  const { text } = await boss.exported('?format=csv');
  assert.ok(text.includes(`"","Standing","","","Front","order-2","${second}","floor","3","160000"\r\n`), text);

  assert.equal((await saga(seats, event).refund(first, 'order-1')).status, 200);
  assert.deepEqual(await page(''), ['order-3', 'order-2']);
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
  await sell(seats, event, alice, ['r2s1']);
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

test('replay prints JSON, whatever a hall calls its seats and however long its names are', async () => {
  const long = (word) => word.padStart(128, '\u0001');
  const names = Array.from({ length: 64 }, (_, i) => long(`category ${i}`));
  const body = hall({ rows: 1, limits: { orphan_rule: false } });
  body.plan.categories = names.map((name) => ({ name, color: long('red') }));
  body.categories = names.map((name) => ({ name, price: 1000 }));
  body.areas = names.map((category, i) => ({ id: long(`area ${i}`), name: long('floor'), category, capacity: 10 }));
  const [{ seats: list }] = body.plan.zones[0].rows;
  for (const [i, seat] of list.entries()) Object.assign(seat, { seat_guid: `a"b\\${i}\n`, category: names[0] });
  await importHall(seats, 'odd-names', body);
  assertStatus(await visitor(seats, 'odd-names').hold({ seats: [list[3].seat_guid] }), 201);
  assert.deepEqual(Object.entries(replay(seats, 'odd-names', '--seats').seats).map(([guid, { state }]) => [guid, state]), [[list[3].seat_guid, 'held']]);
  assert.equal(replay(seats, 'odd-names').areas.length, 64);
});

test('keys are fetched from the waiting room, and a rotation is noticed', async (t) => {
  const own = openScope(t);
  let office = new PassOffice();
  const room = await serve(own, (_, answer) => {
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify({ keys: [office.jwk] }));
  });
  const database = await openPostgres(own);
  const other = await openSeats(own, database, {
    office,
    config: { passes: { keys_file: '', keys_url: `${room.url}/.well-known/jwks.json` } },
  });
  await importHall(other, 'rotation', hall());
  assert.equal((await visitor(other, 'rotation').info()).status, 200);
  const before_ = visitor(other, 'rotation');
  office = new PassOffice();
  other.office = office;
  // Each loop has its own key set, and fetches a new key when it sees one; a connection gets a random loop.
  const knows = async () => (await visitor(other, 'rotation').info()).status === 200 && (await before_.info()).status === 401;
  await until('the new key to be known to each loop', async () => (await Promise.all(Array.from({ length: 16 }, knows))).every(Boolean));
  assertProblem(await before_.info(), 401, 'pass-invalid');
  room.server.close();
  assert.equal((await visitor(other, 'rotation').info()).status, 200, 'the room may be away');
});
