// The calls of buyers: reading the hall, holding, changing, releasing.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { assertProblem, assertStatus, mangled, openContract, openRaw, openScope, runProgram, seededRng, until } from '../../lib-js/index.js';
import { hall, halls, importHall, openPostgres, openSeats, operator, PassOffice, saga, sell, states, visitor } from './site.js';
import { markOf, readPlan } from '../../../web/plan.js';

const scope = openScope(test);
const postgres = await openPostgres(scope);
const seats = await openSeats(scope, postgres, { config: { http: { loops: 4 } } });
const fresh = halls(seats, 'night');
const contract = openContract('seat-service/openapi.yaml');

test('an event tells its name, prices, limits and counts', async () => {
  const { alice, event } = await fresh({ area: 50 });
  const { status, json } = await alice.info();
  assert.equal(status, 200);
  assert.equal(json.event, event);
  assert.equal(json.currency, 'KRW');
  assert.deepEqual(
    json.categories.map(({ name, price }) => [name, price]),
    [
      ['Front', 150000],
      ['Back', 99000],
    ],
  );
  assert.equal(json.limits.max_per_hold, 8);
  assert.equal(json.areas[0].free, 50);
  assert.ok(Date.parse(json.server_time) > 0);
});

test('the plan is revalidated by its hash and comes compressed', async () => {
  const { alice } = await fresh();
  const plain = assertStatus(await alice.plan(), 200);
  assert.equal(plain.json.zones[0].rows.length, 10);
  assert.equal(plain.json.zones[0].rows[0].seats[0].id, 'r1s1');
  assert.equal(plain.headers['cache-control'], 'private, no-cache', 'a correction makes another one');
  for (const coding of ['br', 'gzip']) {
    const packed = await alice.plan({ 'accept-encoding': coding });
    assert.equal(packed.headers['content-encoding'], coding);
    assert.ok(packed.body.length < plain.body.length / 4);
  }
  assertStatus(await alice.plan({ 'if-none-match': plain.headers.etag }), 304);
});

// Rows of all lengths, straight and wavy, with seats in unexpected positions.
function crooked(rng) {
  const body = hall({ rows: 0 });
  const zone = (z) => ({
    name: `Zone ${z}`,
    position: { x: 700 * z, y: 0 },
    rows: Array.from({ length: 12 }, (_, r) => {
      const wave = rng.chance(0.3) ? 0 : 30 * rng.unit();
      const stray = rng.chance(0.7) ? 0 : 8;
      return {
        row_number: String.fromCharCode(65 + r),
        position: { x: 0, y: 30 * r },
        seats: Array.from({ length: rng.between(1, 30) }, (__, s) => ({
          seat_guid: rng.chance(0.1) ? `odd-${z}-${r}-${s}` : `${z}-${r}-${s}`,
          seat_number: r === 3 ? `${s}a` : String(s),
          position: { x: 20 * s + stray * rng.unit(), y: wave * Math.sin(s / 4) + stray * rng.unit() },
          category: rng.chance(0.5) ? 'Front' : 'Back',
        })),
      };
    }),
    areas: [],
  });
  body.plan.zones = [zone(1), zone(2)];
  return body;
}

async function assertSamePlan(body, event) {
  await importHall(seats, event, body);
  const alice = visitor(seats, event);
  const noticed = await alice.plan();
  const rows = await alice.plan({}, '?form=rows');
  assert.notEqual(rows.headers.etag, noticed.headers.etag);
  const read = readPlan(rows.json);
  let i = 0;
  noticed.json.zones.forEach((zone, z) => zone.rows.forEach((row, r) => row.seats.forEach((seat) => {
    const { id, number, x, y, category, companion_of, ...notes } = seat;
    assert.deepEqual([read.idOf(i), read.numberOf(i), read.category[i], read.notes.get(i)], [id, number, category, notes]);
    const near = (a, b) => Math.abs(a - b) <= 0.5 + 0.0005; // half a unit; the other plan is in thousandths
    assert.ok(near(read.x[i], x) && near(read.y[i], y), `${id} at ${x}, ${y} is shown at ${read.x[i]}, ${read.y[i]}`);
    assert.equal(read.placeOf(id), i);
    assert.equal(read.zones[read.zoneOf[i]].name, zone.name);
    assert.equal(read.zones[z].rows[r].label, row.label);
    assert.equal(read.rowOf[i], r);
    i++;
  })));
  assert.equal(i, read.n);
  assert.ok(i > 0);
}

test('the plan by rows equals the full plan, for plain, curved and crooked halls', async (t) => {
  await assertSamePlan(hall(), 'plain');
  const { stdout } = await runProgram('halls', ['theatre']);
  await assertSamePlan(JSON.parse(stdout), 'theatre');
  await assertSamePlan(crooked(seededRng(t)), 'crooked');
  const { alice } = await fresh();
  assertProblem(await alice.plan({}, '?form=circles'), 422, 'bad-form');
});

test('each section of a sample hall has a small drawing of its view', async () => {
  const dir = scope.tempDir('views-');
  await runProgram('halls', ['views', dir]);
  const { zones } = JSON.parse((await runProgram('halls', ['theatre'])).stdout);
  assert.equal(zones.length, 7);
  assert.equal(new Set(zones.map(({ view }) => readFileSync(join(dir, basename(view)), 'utf8'))).size, 7, 'each its own');
  for (const name of readdirSync(dir)) {
    const drawing = readFileSync(join(dir, name), 'utf8');
    assert.ok(drawing.length < 12_000, `${name} has ${drawing.length} bytes`);
    assert.match(drawing, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 640 360" /);
    assert.match(drawing, /<\/svg>\n$/);
    assert.doesNotMatch(drawing, /nan|inf|href|script|style=/);
  }
});

test('a section\'s outline contains all its seats, in plain and curved halls', async () => {
  const { stdout } = await runProgram('halls', ['theatre']);
  for (const body of [hall(), JSON.parse(stdout)]) {
    const { alice } = await fresh(body);
    const { zones, x, y } = readPlan((await alice.plan({}, '?form=rows')).json);
    for (const { name, from, to, outline: corners } of zones.flatMap(({ name, parts }) => parts.map((part) => ({ name, ...part })))) {
      for (let i = from; i < to; i++) {
        for (let n = 0; n < corners.length; n += 2) {
          const [ax, ay, bx = corners[0], by = corners[1]] = corners.slice(n, n + 4);
          const aside = ((bx - ax) * (y[i] - ay) - (by - ay) * (x[i] - ax)) / Math.max(1, Math.hypot(bx - ax, by - ay));
          assert.ok(aside > -1, `seat ${i} of ${name} lies ${-aside} outside`);
        }
      }
    }
  }
});

test('a hold takes seats, all or nothing, and says until when', async () => {
  const { alice, bob } = await fresh();
  const held = assertStatus(await alice.hold({ seats: ['r1s3', 'r1s1', 'r1s2'] }), 201);
  assert.deepEqual(held.json.seats, ['r1s1', 'r1s2', 'r1s3']);
  assert.deepEqual(held.json.places[0], {
    id: 'r1s1',
    number: '1',
    row: '1',
    zone: 'Hall',
    category: 'Front',
    category_rank: 1,
    price: 150000,
  });
  assert.equal(held.json.total, 450000);
  assert.equal(held.json.state, 'open');
  const left = Date.parse(held.json.expires_at) - Date.parse(held.json.server_time);
  assert.ok(left > 290_000 && left <= 300_000, `${left} ms left`);
  assert.match(held.headers.location, new RegExp(`/holds/${held.json.hold}$`));

  const lost = await bob.hold({ seats: ['r1s3', 'r1s4', 'r1s5'] });
  assertProblem(lost, 409, 'seats-taken');
  assert.deepEqual(lost.json.seats, ['r1s3']);
  assert.ok(lost.json.alternatives.length > 0 && lost.json.alternatives.length <= 3);
  for (const { seats: offer, total } of lost.json.alternatives) {
    assert.equal(offer.length, 3);
    assert.ok(total > 0);
  }
  const taken = await bob.hold({ seats: lost.json.alternatives[0].seats });
  assert.equal(taken.status, 201, 'an alternative can be had');
});

test('best available gives neighbours, and says so', async () => {
  const { alice } = await fresh();
  const held = assertStatus(await alice.hold({ best_available: { category: 'Back', quantity: 4 } }), 201);
  assert.equal(held.json.adjacent, true);
  assert.equal(held.json.orphan, false);
  assert.equal(held.json.total, 4 * 99000);
  assert.equal(new Set(held.json.places.map(({ row }) => row)).size, 1);
});

test('held seats can be exchanged for alternatives in one step', async () => {
  const { alice, bob } = await fresh();
  const held = await alice.hold({ best_available: { category: 'Back', quantity: 2 } });
  const others = assertStatus(await alice.alternatives(held.json.hold), 200);
  assert.ok(others.json.alternatives.length > 0);
  for (const { seats: offer } of others.json.alternatives) {
    assert.equal(offer.length, 2);
    assert.ok(offer.every((seat) => !held.json.seats.includes(seat)));
  }
  assert.deepEqual((await alice.read(held.json.hold)).json.seats, held.json.seats, 'asking changes nothing');
  assert.equal((await bob.alternatives(held.json.hold)).status, 404, 'not for strangers');
  const { seats: chosen } = others.json.alternatives[0];
  const exchanged = assertStatus(await alice.change(held.json.hold, { add: chosen, remove: held.json.seats }), 200);
  assert.deepEqual(exchanged.json.seats, chosen);
  assert.equal((await bob.hold({ seats: held.json.seats })).status, 201, 'the first ones are free again');
});

test('a code can be checked without a hold, and a wrong one is reported', async () => {
  const body = hall({ channels: [{ id: 'club', name: 'Club', code: 'open sesame' }, { id: 'early', code: 'too-early', on_sale_at: '2035-01-01T00:00:00Z' }] });
  body.rows = [{ zone: 'Hall', row: '2', channel: 'club' }];
  body.seats = [{ guid: 'r1s1', accessible: true }];
  await importHall(seats, 'coded', body);
  await importHall(seats, 'plain', hall());
  const buyer = visitor(seats, 'coded');
  const { json: info } = await buyer.info();
  assert.deepEqual([info.codes, info.accessible], [true, true]);
  const { json: plain } = await visitor(seats, 'plain').info();
  assert.deepEqual([plain.codes, plain.accessible], [false, false]);
  const { channel, name, on_sale_at: at } = (await buyer.code('open sesame')).json;
  assert.deepEqual([channel, name, at], ['club', 'Club', null]);
  const early = (await buyer.code('too-early')).json;
  assert.deepEqual([early.name, early.on_sale_at], ['early', '2035-01-01T00:00:00.000Z']);
  assertProblem(await buyer.code('Open Sesame'), 422, 'code-unknown');
  assertProblem(await buyer.code(''), 422, 'bad-field');
  assertProblem(await buyer.hold({ seats: ['r2s1', 'r2s2'], code: 'nothing' }), 422, 'code-unknown');
  assertProblem(await buyer.hold({ seats: ['r2s1', 'r2s2'] }), 403, 'channel');
  assert.equal((await buyer.hold({ seats: ['r2s1', 'r2s2'], code: 'open sesame' })).status, 201);
});

test('a pass opens the channel that it names, and no other', async () => {
  const body = hall({ channels: [{ id: 'club', code: 'open sesame' }, { id: 'press', code: 'extra extra' }] });
  body.rows = [{ zone: 'Hall', row: '2', channel: 'club' }, { zone: 'Hall', row: '3', channel: 'press' }];
  await importHall(seats, 'opened', body);
  const of = (channel) => visitor(seats, 'opened', { claims: { channel } });
  const fan = of('club');
  const held = assertStatus(await fan.hold({ seats: ['r2s1', 'r2s2'] }), 201);
  assert.equal((await fan.change(held.json.hold, { add: ['r2s3', 'r2s4'], remove: ['r2s1', 'r2s2'] })).status, 200);
  assertProblem(await fan.hold({ seats: ['r3s1', 'r3s2'] }), 403, 'channel');
  assert.equal((await fan.hold({ seats: ['r3s1', 'r3s2'], code: 'extra extra' })).status, 201, 'a code still opens');
  for (const other of ['public', 'nowhere', '', 7, undefined]) {
    assertProblem(await of(other).hold({ seats: ['r2s1', 'r2s2'] }), 403, 'channel');
  }
});

test('the best of each category is proposed before it is held, and holds nothing', async () => {
  const body = hall({ rows: 2, seatsPerRow: 2, limits: { orphan_rule: false, max_per_hold: 4 } });
  body.categories[1].on_sale_at = '2035-01-01T00:00:00Z';
  await importHall(seats, 'told', body);
  await importHall(seats, 'told-both', hall({ limits: { orphan_rule: false } }));
  const buyer = visitor(seats, 'told-both');
  const { proposals } = (await buyer.propose({ quantity: 3 })).json;
  assert.deepEqual(proposals.map(({ category, total }) => [category, total]), [['Front', 450000], ['Back', 297000]]);
  assert.deepEqual((await buyer.info()).json.categories.map(({ held }) => held), [0, 0]);
  for (const [n, one] of proposals.entries()) {
    const { total, places: [{ category_rank: rank }] } = (await buyer.hold({ seats: one.seats })).json;
    assert.deepEqual([total, rank], [one.total, n + 1]);
  }
  const [again] = (await buyer.propose({ quantity: 3, category: 'Back' })).json.proposals;
  assert.equal(again.category, 'Back');
  assert.notDeepEqual(again.seats, proposals[1].seats);
  const early = visitor(seats, 'told');
  assert.deepEqual((await early.propose({ quantity: 2 })).json.proposals.map(({ category }) => category), ['Front']);
  assertProblem(await early.propose({ quantity: 2, category: 'Back' }), 409, 'not-on-sale');
  assertProblem(await early.propose({ quantity: 5 }), 422, 'too-many');
  assertProblem(await early.propose({ quantity: 2 }, { code: 'nothing' }), 422, 'code-unknown');
  const best = { best_available: { quantity: 2 } };
  assertStatus(await early.hold(best), 201);
  for (const refused of [await early.hold(best), await early.propose({ quantity: 2 })]) assertProblem(refused, 409, 'sold-out');
  body.categories[0].on_sale_at = '2034-01-01T00:00:00Z';
  await importHall(seats, 'told-early', body);
  const { opens_at: opens } = assertProblem(await visitor(seats, 'told-early').propose({ quantity: 2 }), 409, 'not-on-sale');
  assert.equal(opens, '2034-01-01T00:00:00.000Z', 'the soonest sale');
});

// A hall whose texts all have the import's maximum length, and six times that in JSON.
const LONG = (word) => word.padStart(128, '\u0001');
function wordy({ rows, seatsPerRow }) {
  const body = hall({ rows, seatsPerRow, limits: { max_per_hold: 64, orphan_rule: false } });
  const names = Array.from({ length: rows }, (_, row) => LONG(`category ${row}`));
  const [zone] = body.plan.zones;
  zone.name = LONG('zone');
  for (const [row, { seats: list }] of zone.rows.entries()) {
    zone.rows[row].row_number = LONG(`row ${row}`);
    for (const [i, seat] of list.entries()) Object.assign(seat, { seat_guid: LONG(`${row}-${i}`), seat_number: LONG(`${i}`), category: names[row] });
  }
  body.rows = [{ zone: zone.name, row: zone.rows[0].row_number, entrance: LONG('gate'), floor: LONG('floor') }];
  body.plan.categories = names.map((name) => ({ name, color: '#c0392b' }));
  body.categories = names.map((name) => ({ name, price: 1000 }));
  body.areas = names.map((category, i) => ({ id: LONG(`area ${i}`), name: LONG('floor'), category, capacity: 10 }));
  return { body, names, guids: zone.rows.map(({ seats: list }) => list.map(({ seat_guid: guid }) => guid)) };
}

test('too many proposals for one answer are refused, those of one category are sent', async () => {
  const { body, names } = wordy({ rows: 64, seatsPerRow: 64 });
  await importHall(seats, 'wordy', body);
  const buyer = visitor(seats, 'wordy');
  assert.equal((await buyer.info()).json.areas.length, 64);
  const { detail } = assertProblem(await buyer.propose({ quantity: 64, adjacent: false }), 422, 'bad-field');
  assert.match(detail, /^\/best_available: .*category/);
  const { proposals } = (await buyer.propose({ quantity: 64, adjacent: false, category: names[7] })).json;
  assert.deepEqual(proposals.map(({ category, seats: list }) => [category, list.length]), [[names[7], 64]]);
  assert.equal((await buyer.propose({ quantity: 1 })).json.proposals.length, 64);
});

test('the largest hold with the longest texts is answered in full', async () => {
  const { body, guids } = wordy({ rows: 1, seatsPerRow: 64 });
  await importHall(seats, 'wordy-hold', body);
  const held = await visitor(seats, 'wordy-hold').hold({ best_available: { quantity: 64, adjacent: false } });
  assert.equal(held.status, 201, held.text.slice(0, 500));
  assert.deepEqual(held.json.seats, guids[0]);
  assert.equal(held.json.places[63].floor, LONG('floor'));
  const order = saga(seats, 'wordy-hold');
  assert.deepEqual((await order.extend(held.json.hold, 'order-1')).json.seats, guids[0]);
  assert.equal((await order.confirm(held.json.hold, 'order-1')).status, 200);
  const { json: sold } = await operator(seats, 'wordy-hold').exported('?format=json');
  assert.deepEqual(sold.map(({ seat }) => seat), guids[0]);
  assert.equal((await order.refund(held.json.hold, 'order-1')).status, 200);
});

test('an area is held by number of places', async () => {
  const { alice, bob } = await fresh({ areas: [{ id: 'floor', name: 'Standing', category: 'Front', capacity: 5 }] });
  const held = assertStatus(await alice.hold({ area: 'floor', quantity: 4 }), 201);
  assert.equal(held.json.quantity, 4);
  assert.equal(held.json.area, 'floor');
  assert.equal(held.json.area_name, 'Standing');
  assertProblem(await bob.hold({ area: 'floor', quantity: 2 }), 409, 'sold-out');
  assert.equal((await bob.hold({ area: 'floor', quantity: 1 })).status, 201);
});

test('a session lists its open holds and those of unpaid orders', async () => {
  const { event, alice, bob } = await fresh({ area: 5 });
  const order = saga(seats, event);
  const took = [];
  for (const wish of [{ seats: ['r1s1'] }, { area: 'floor', quantity: 2 }, { seats: ['r3s1'] }, { seats: ['r5s1'] }]) took.push((await alice.hold(wish)).json.hold);
  await bob.hold({ seats: ['r7s1'] });
  const [open, paying, sold, released] = took;
  for (const hold of [paying, sold]) assert.equal((await order.extend(hold, `o-${took.indexOf(hold)}`, { member: 'member-1' })).status, 200);
  assert.equal((await order.confirm(sold, 'o-2')).status, 200);
  assert.equal((await alice.release(released)).status, 204);
  const listed = (await alice.holds()).json.holds.map(({ hold, state, quantity }) => [hold, state, quantity]);
  assert.deepEqual(listed.sort(), [[open, 'open', 1], [paying, 'paying', 2]].sort());
  assert.equal((await order.refund(sold, 'o-2')).status, 200);
});

test('a list of holds ends before it is too long, and the largest hold always fits', async () => {
  const { body } = wordy({ rows: 1, seatsPerRow: 64 });
  await importHall(seats, 'wordy-holds', body);
  const alice = visitor(seats, 'wordy-holds');
  const first = await alice.hold({ best_available: { quantity: 63, adjacent: false } });
  const second = await alice.hold({ best_available: { quantity: 1 } });
  assert.deepEqual([first.status, second.status], [201, 201], second.text);
  const one = async () => (await alice.holds()).json.holds.map(({ hold }) => hold);
  assert.equal((await one()).length, 1);
  assert.equal((await alice.release(first.json.hold)).status, 204);
  assert.deepEqual(await one(), [second.json.hold]);
});

test("another visitor's hold is a 404", async () => {
  const { alice, bob } = await fresh();
  const { hold } = (await alice.hold({ seats: ['r1s1'] })).json;
  assertProblem(await bob.read(hold), 404, 'hold-unknown');
  assertProblem(await bob.release(hold), 404, 'hold-unknown');
  assertProblem(await bob.change(hold, { add: ['r1s2'] }), 404, 'hold-unknown');
  assertProblem(await alice.read(mangled(hold)), 404, 'hold-unknown');
  assert.equal((await alice.read(hold)).status, 200);
});

test('an invalid request is refused with its reason', async () => {
  const { alice } = await fresh({ area: 5 });
  const unknown = await alice.hold({ seats: ['r1s1', 'nowhere'] });
  assertProblem(unknown, 422, 'seat-unknown');
  assert.equal(unknown.json.seat, 'nowhere');
  const twice = assertStatus(await alice.hold({ seats: ['r1s1', 'r1s1'] }), 422);
  assert.equal(twice.json.seat, 'r1s1');
  assert.equal((await alice.hold({ seats: [] })).status, 422);
  const word = assertProblem(await alice.hold({ seats: 'r1s1' }), 422, 'bad-field');
  assert.equal(word.detail, '/seats: must be a list');
  const nine = Array.from({ length: 9 }, (_, i) => `r1s${i + 1}`);
  assert.equal((await alice.hold({ seats: nine })).status, 422);
  const many = Array.from({ length: 300 }, () => 'r1s1');
  assert.equal((await alice.hold({ seats: many })).status, 422);
  assertProblem(await alice.hold({ seats: ['r1s1'], area: 'floor', quantity: 1 }), 422, 'bad-field');
  assertProblem(await alice.hold({}), 422, 'bad-field');
  assertProblem(await alice.hold({ seats: [7] }), 422, 'bad-field');
  assertProblem(await alice.hold({ seats: ['r1s1'], price: 1 }), 422, 'bad-field');
  assertProblem(await alice.hold({ best_available: { quantity: 2, category: 'Loge' } }), 422, 'bad-field');
  assertProblem(await alice.hold('{"seats": ['), 400, 'bad-json');
  assertProblem(await alice.hold('[]'), 422, 'bad-field');
  assert.equal((await alice.hold({ seats: ['r1s1'] })).status, 201, 'nothing was taken');
});

test('wrong signatures are checked a bounded number of times a minute, and known sessions go on', async () => {
  const { event, alice } = await fresh();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }); // one connection, so one loop: each loop counts separately
  const there = { headers: { 'x-forwarded-for': '198.51.100.7' }, agent };
  const ask = (token, how = there) => seats.http.get(`/v1/seats/${event}`, { token, ...how });
  const known = seats.office.pass(event);
  assert.equal((await ask(known)).status, 200);
  const [head, body] = seats.office.pass(event).split('.');
  const forged = `${head}.${body}.${Buffer.alloc(64, 7).toString('base64url')}`;
  for (let i = 0; i < 300; i += 1) assertProblem(await ask(forged), 401, 'pass-invalid');
  const refused = await ask(forged);
  assertProblem(refused, 429, 'too-many-wrong-passes');
  assert.ok(Number(refused.headers['retry-after']) <= 61);
  assert.equal((await ask(known)).status, 200, 'its signature need not be checked again');
  assert.equal((await alice.info()).status, 200, 'from elsewhere');
  agent.destroy();
});

test('wrong codes are bounded by session and by address, for each event', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }); // one connection, so one loop: each loop counts separately
  for (const event of ['guessed', 'spared']) await importHall(seats, event, hall({ channels: [{ id: 'club', code: 'open sesame' }] }));
  const from = (address, session, event = 'guessed') => {
    const token = seats.office.pass(event, { session });
    return (code, call = 'codes', more = {}) =>
      seats.http.post(`/v1/seats/${event}/${call}`, { token, agent, headers: { 'x-forwarded-for': address }, body: { code, ...more } });
  };
  const before = await seats.metrics();
  const counted = async (what) => (await seats.metrics()).get(`fairgate_seats_codes_${what}_total`) - before.get(`fairgate_seats_codes_${what}_total`);
  const refuses = async (ask, ...more) => {
    const answer = await ask('open sesame', ...more);
    assertProblem(answer, 429, 'too-many-codes');
    const waitS = Number(answer.headers['retry-after']);
    assert.ok(waitS >= 1 && waitS <= 61, `${waitS}`);
  };
  const guess = async (ask, times) => {
    for (let i = 0; i < times; i += 1) assertProblem(await ask(`guess-${i}`), 422, 'code-unknown');
  };

  const one = from('198.51.100.8', 'one');
  const best = { best_available: { quantity: 1 } };
  await guess(one, 7);
  assertProblem(await one('guess', 'holds', best), 422, 'code-unknown');
  assertProblem(await one('guess', 'proposals', best), 422, 'code-unknown');
  assert.equal((await one('open sesame')).status, 200, 'the ninth try may be right');
  await guess(one, 1); // the right code did not reset the count
  await refuses(one);
  await refuses(one, 'holds', best);
  await refuses(one, 'proposals', best);
  await refuses(from('198.51.100.9', 'one'));
  assert.equal((await one(undefined, 'holds', best)).status, 201, 'what needs no code goes on');
  assert.equal((await from('198.51.100.8', 'one', 'spared')('open sesame')).status, 200, 'another event');

  for (let nth = 2; nth <= 10; nth += 1) await guess(from('198.51.100.8', `guesser-${nth}`), 10);
  const neighbour = from('198.51.100.8', 'neighbour');
  assert.equal((await neighbour('open sesame')).status, 200, 'guesses of others do not shut out who knows the code');
  await guess(neighbour, 1);
  await refuses(neighbour);
  await guess(from('198.51.100.9', 'stranger'), 2); // another address
  await guess(from('198.51.100.8', 'neighbour', 'spared'), 2); // another event
  assert.deepEqual([await counted('wrong'), await counted('unchecked')], [105, 5]);
  agent.destroy();
});

test('a pass has to be there, ours, for this event and in time', async () => {
  const { event, alice } = await fresh();
  const ask = (token) => seats.http.get(`/v1/seats/${event}`, { token });
  assertProblem(await ask(undefined), 401, 'pass-missing');
  assertProblem(await ask('nonsense'), 401, 'pass-missing');
  assertProblem(await ask(new PassOffice().pass(event)), 401, 'pass-invalid');
  assertProblem(await ask(seats.office.pass(event, { claims: { iss: 'else' } })), 401, 'pass-invalid');
  assertProblem(await ask(seats.office.pass(event, { header: { alg: 'none' } })), 401, 'pass-invalid');
  assertProblem(await ask(seats.office.pass(event, { header: { typ: 'JWT' } })), 401, 'pass-invalid');
  assertProblem(await ask(seats.office.pass('other')), 401, 'pass-foreign');
  const past = Math.floor(Date.now() / 1000) - 100;
  const old = seats.office.pass(event, { claims: { iat: past, exp: past + 50 } });
  const expired = await ask(old);
  assertProblem(expired, 401, 'pass-expired');
  assert.equal(expired.headers['www-authenticate'], 'Bearer');
  assertProblem(await seats.http.get('/v1/seats/nowhere', { token: alice.token }), 404, 'event-unknown');
});

test('buyers are shown the limits that the contract lists, and no others', async () => {
  const { alice } = await fresh();
  assert.deepEqual(Object.keys((await alice.info()).json.limits), contract.document.components.schemas.Event.properties.limits.required);
});

test('the same idempotency key brings the same answer, and no second hold', async () => {
  const { alice, bob } = await fresh();
  const first = await alice.hold({ seats: ['r1s1', 'r1s2'] }, 'key-1');
  const again = assertStatus(await alice.hold({ seats: ['r1s1', 'r1s2'] }, 'key-1'), 201);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  assert.equal(again.headers.location, first.headers.location);
  assert.deepEqual({ ...again.json, server_time: '' }, { ...first.json, server_time: '' });
  assertProblem(await alice.hold({ seats: ['r1s3'] }, 'key-1'), 422, 'idempotency-key-reused');
  const theirs = await bob.hold({ seats: ['r1s3', 'r1s4'] }, 'key-1');
  assert.equal(theirs.status, 201, "a key belongs to its session");
  assert.notEqual(theirs.json.hold, first.json.hold);
  assert.equal((await bob.hold({ seats: ['r1s1'] }, 'key-2')).status, 409);
  assert.equal((await alice.release(first.json.hold, 'key-3')).status, 204);
  assert.equal((await alice.release(first.json.hold, 'key-3')).status, 204, 'given back once');
  assert.equal((await bob.hold({ seats: ['r1s1', 'r1s2'] }, 'key-4')).status, 201);
});

test('a refusal changed nothing, so its key is judged again', async () => {
  const { alice, bob } = await fresh();
  const { hold } = (await alice.hold({ seats: ['r1s1', 'r1s2'] })).json;
  assert.equal((await bob.hold({ seats: ['r1s1', 'r1s2'] }, 'key')).status, 409);
  assert.equal((await alice.release(hold)).status, 204);
  assert.equal((await bob.hold({ seats: ['r1s1', 'r1s2'] }, 'key')).status, 201);
});

test('repetitions that come before the first is answered wait for it, on whichever connection', async () => {
  const { alice } = await fresh();
  const answers = await Promise.all(Array.from({ length: 20 }, () => alice.hold({ seats: ['r2s1', 'r2s2'] }, 'eager')));
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([201]));
  assert.equal(new Set(answers.map((answer) => answer.json.hold)).size, 1);
  assert.equal(answers.filter((answer) => answer.headers['idempotent-replayed'] === 'true').length, 19);
});

test('free places of an area are sent as they change, though no seat does', async () => {
  const { alice } = await fresh({ area: 50 });
  const areas = async (since) => (await alice.availability(`?since=${since}`)).json.areas;
  const { version } = (await alice.availability()).json;
  assert.deepEqual(await areas(version), [{ id: 'floor', free: 50 }]);
  const stream = await alice.stream(`?since=${version}`);
  const noticed = (free) => stream.find(`${free} free places`, ({ event: kind, json }) => kind === 'seats' && json.areas[0].free === free);
  await noticed(50);
  assertStatus(await alice.hold({ area: 'floor', quantity: 3 }), 201);
  const { version: now, line, ...news } = (await noticed(47)).json;
  assert.ok(now === version || now === version + 1, 'as soon as they are taken, or once that is in the journal');
  assert.equal(line, (await alice.availability()).json.line);
  assert.deepEqual(news, { since: version, free: [], held: [], sold: [], blocked: [], areas: [{ id: 'floor', free: 47 }] });
  assert.deepEqual(await areas(version), [{ id: 'floor', free: 47 }]);
  // Clients that must load the whole picture get them as well.
  const late = await alice.stream('?since=0');
  const anew = await late.find('a word to take the picture', ({ event: kind }) => kind === 'resync');
  assert.deepEqual(anew.json.areas, [{ id: 'floor', free: 47 }]);
  for (const one of [stream, late]) one.close();
});

test('streams are bounded by session', async () => {
  const { alice, bob } = await fresh();
  const mine = [];
  for (let i = 0; i <= 32; i += 1) mine.push(await alice.stream()); // at four loops
  const refused = mine.filter(({ status }) => status !== 200);
  assert.ok(refused.length > 0);
  for (const { status, headers } of refused) assert.deepEqual([status, headers['retry-after']], [429, '5']);
  mine.push(await bob.stream());
  assert.equal(mine.at(-1).status, 200);
  for (const stream of mine) stream.close();
  await until('they are gone', async () => {
    const again = await alice.stream();
    again.close();
    return again.status === 200;
  });
});

// If the streams' tick falls between the two prices, both are sent anyhow; in most rounds it does not.
test('a stream that begins with a new price gets the old one when it is reverted', async () => {
  const { event, alice } = await fresh();
  const price = async (is) => assert.equal((await operator(seats, event).price({ prices: { Back: is } })).status, 200);
  const { version } = (await alice.availability()).json;
  const open = () => alice.stream(`?since=${version}`);
  const find = (stream, is) => stream.find(`the price ${is}`, ({ json }) => json.prices?.[1] === is);
  await price(80000);
  const reader = await open(); // without a reader nothing is sent, so nothing compared
  await find(reader, 80000);
  for (let round = 0; round < 10; round += 1) {
    await price(90000);
    const late = await open();
    await find(late, 90000);
    await price(80000);
    await find(late, 80000);
    late.close();
  }
  reader.close();
});

test('availability: two bits a seat, JSON, what has changed since, and streams', async () => {
  const { event, alice } = await fresh();
  const octets = { accept: 'application/octet-stream' };
  const squeezed = await alice.availability('?form=octets', { 'accept-encoding': 'br, gzip' });
  assert.equal(squeezed.headers['content-encoding'], 'gzip');
  assert.match(squeezed.headers.etag, /^"\d+-[0-9a-f]{16}-gzip"$/);
  const plain = await alice.availability('?form=octets');
  assert.deepEqual(gunzipSync(squeezed.body), plain.body);
  assert.match(plain.headers.etag, /^"\d+-[0-9a-f]{16}"$/);
  const empty = assertStatus(await alice.availability('', octets), 200);
  assert.equal(empty.body.length, 25);
  assert.ok(states(empty.body, 100).every((state) => state === 'free'));
  assert.equal((await alice.availability('', { ...octets, 'if-none-match': empty.headers.etag })).status, 304);
  const { version } = markOf(empty.headers.etag);
  assert.equal(version, 1, 'its import is the first change of its journal');

  const stream = await alice.stream(`?since=${version}`);
  await alice.hold({ seats: ['r1s1', 'r1s2'] });
  const noticed = await stream.find('the hold', ({ event: kind, json }) => kind === 'seats' && json.held.length > 0);
  assert.deepEqual(noticed.json.held, [0, 1]);
  assert.equal(noticed.json.prices, undefined, 'nothing but a change of prices sends them');

  // A price change alone is sent, too; a later request and a later stream have the new prices.
  assert.equal((await operator(seats, event).price({ prices: { Back: 90000 } })).status, 200);
  const priced = await stream.find('the price', ({ event: kind, json }) => kind === 'seats' && json.prices?.[1] === 90000);
  assert.deepEqual(priced.json.prices, [150000, 90000]);
  assert.deepEqual((await alice.availability(`?since=${version}`)).json.prices, [150000, 90000]);
  const late = await alice.stream(`?since=${version}`);
  assert.deepEqual((await late.find('its first event', ({ event: kind }) => kind === 'seats')).json.prices, [150000, 90000]);
  for (const one of [stream, late]) one.close();

  const now = await until('the picture to show the hold', async () => {
    const answer = await alice.availability('', octets);
    return states(answer.body, 100)[0] === 'held' && answer;
  });
  assert.equal(states(now.body, 100)[1], 'held');
  assert.equal(states(now.body, 100)[2], 'free');
  const json = (await alice.availability()).json;
  assert.equal(json.states.slice(0, 4), 'hhff');
  assert.equal(json.categories[0].held, 2);
  const since = (await alice.availability(`?since=${version}`)).json;
  assert.deepEqual(since.held, [0, 1]);
  assert.equal(since.resync, false);
  assert.ok([2, 3].includes(since.version), 'the hold is the second, and the price the third');
  assert.equal((await alice.availability('?since=5')).json.resync, true);
  for (const wrong of ['x', '-', '1-', '1-x', `1-${'0'.repeat(16)}`, `1-${'A'.repeat(16)}`, `1-${'a'.repeat(17)}`, `-${'a'.repeat(16)}`]) assert.equal((await alice.availability(`?since=${wrong}`)).status, 422, wrong);
  assert.equal((await alice.availability(`?since=1-${'a'.repeat(16)}`)).json.resync, true, 'a line that is not this journal\'s');
});

test('a session that asks too fast gets Retry-After', async () => {
  const { event } = await fresh({ limits: { rate_per_session_per_s: 1 } });
  const eager = visitor(seats, event);
  const refused = await until('most of thirty to be too many', async () => { // if they are slow, all may be accepted
    const answers = await Promise.all(Array.from({ length: 30 }, () => eager.info()));
    const some = answers.filter(({ status }) => status === 429);
    return some.length >= 20 && some;
  }, { everyMs: 0 });
  assert.ok(Number(refused[0].headers['retry-after']) >= 1);
  assert.equal((await visitor(seats, event).info()).status, 200, 'others are not concerned');
});

// Of eight requests at once, a burst: how many have this status. One after the other they may take long enough for more.
const ofABurst = async (ask, wanted) => (await Promise.all(Array.from({ length: 8 }, () => ask()))).filter(({ status }) => status === wanted).length;

test('proposals count by what the search for them costs', async () => {
  const { event } = await fresh({ rows: 3000, seatsPerRow: 1, limits: { rate_per_session_per_s: 1 } });
  const eager = visitor(seats, event);
  const answered = await ofABurst(() => eager.propose({ quantity: 8, adjacent: false }), 200);
  assert.ok(answered < 8, `${answered}: a burst of eight requests, and each of these is several`);
});

test('alternatives count by what the search for them costs, for a hold and for seats that are taken', async () => {
  const { event } = await fresh({ rows: 4500, seatsPerRow: 1, limits: { rate_per_session_per_s: 1 } });
  const [eager, late] = [visitor(seats, event), visitor(seats, event)];
  const { hold } = (await eager.hold({ seats: ['r1s1', 'r4500s1'] })).json;
  assert.ok((await ofABurst(() => eager.alternatives(hold), 200)) < 6, 'a burst of eight requests, and each of these is two');
  assert.ok((await ofABurst(() => late.hold({ seats: ['r1s1', 'r4500s1'] }), 409)) < 6);
});

// The retry is answered together with the first request, and a request pipelined behind it is served at once.
test('requests pipelined behind a waiting one count against the rate', async (t) => {
  const { event } = await fresh({ limits: { rate_per_session_per_s: 1 } });
  const eager = visitor(seats, event);
  const handled = async () => (await seats.metrics()).get('fairgate_http_requests_total{listener="public"}');
  const before = await handled();
  const writer = Number(postgres.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'fairgate seat-service journal'", 'seats'));
  process.kill(writer, 'SIGSTOP');
  const first = eager.hold({ seats: ['r1s1'] }, 'eager');
  await until('the first to wait', async () => (await handled()) === before + 1);
  const connection = await openRaw(seats);
  t.after(() => connection.destroy());
  const body = JSON.stringify({ seats: ['r1s1'] });
  const head = (line, more = '') => `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${eager.token}\r\n${more}\r\n`;
  const again = head(`POST /v1/seats/${event}/holds`, `Content-Type: application/json\r\nIdempotency-Key: eager\r\nContent-Length: ${body.length}\r\n`) + body;
  await connection.send(again + head(`GET /v1/seats/${event}`).repeat(30));
  await until('the repetition to wait', async () => (await handled()) === before + 2);
  process.kill(writer, 'SIGCONT');
  const freeAt = performance.now();
  assert.equal((await first).status, 201);
  const [repeated, ...behind] = await connection.answersOf(31);
  assert.equal(repeated.status, 201, repeated.text);
  const refused = behind.filter(({ status }) => status === 429);
  const more = (performance.now() - freeAt) / 1000; // one per second that they took
  assert.ok(refused.length >= 20 - more, `${refused.length} of 30 refused`);
});

test('the saga extends, confirms and refunds, each as often as it likes', async () => {
  const { event, alice, bob } = await fresh();
  const order = saga(seats, event);
  const { hold } = (await alice.hold({ seats: ['r1s1', 'r1s2'] })).json;
  assertProblem(await order.confirm(hold, 'order-1'), 404, 'order-unknown');
  for (let i = 0; i < 2; i += 1) {
    const extended = assertStatus(await order.extend(hold, 'order-1', { pay_ttl_s: 500 }), 200);
    assert.equal(extended.json.state, 'paying');
    assert.equal(extended.json.total, 300000);
  }
  assertProblem(await alice.release(hold), 409, 'hold-paying');
  assertProblem(await order.extend(hold, 'order-2'), 409, 'other-order');
  for (let i = 0; i < 2; i += 1) {
    const sold = assertStatus(await order.confirm(hold, 'order-1'), 200);
    assert.equal(sold.json.verdict, 'confirmed');
    assert.equal(sold.json.state, 'sold');
  }
  assert.equal(postgres.sql('SELECT count(*) FROM seats.sold', 'seats'), '2');
  assert.equal((await bob.hold({ seats: ['r1s2', 'r1s3'] })).status, 409);
  for (let i = 0; i < 2; i += 1) {
    const refunded = assertStatus(await order.refund(hold, 'order-1'), 200);
    assert.equal(refunded.json.verdict, 'refunded');
  }
  assert.equal(postgres.sql('SELECT count(*) FROM seats.sold', 'seats'), '0');
  assert.equal((await bob.hold({ seats: ['r1s1', 'r1s2'] })).status, 201);
});

test('a part of a sale is refunded, and the rest stays sold', async () => {
  const { event, alice, bob } = await fresh({ area: 50, limits: { orphan_rule: false } });
  const order = saga(seats, event);
  const hold = await sell(seats, event, alice, ['r1s1', 'r1s2', 'r1s3']);
  for (let i = 0; i < 2; i += 1) {
    const { status, json } = await order.refund(hold, 'order-1', { seats: ['r1s2'] });
    assert.deepEqual([status, json.verdict, json.state, json.seats, json.total], [200, 'refunded', 'sold', ['r1s1', 'r1s3'], 300000]);
  }
  assertProblem(await order.refund(hold, 'order-1', { seats: ['r1s1', 'r1s2'] }), 422, 'not-in-hold');
  assertProblem(await order.refund(hold, 'order-1', { keep: 1 }), 422, 'seats-and-area');
  assert.equal((await bob.hold({ seats: ['r1s2'] })).status, 201);
  const floor = await sell(seats, event, alice, { area: 'floor', quantity: 3 });
  for (let i = 0; i < 2; i += 1) assert.equal((await order.refund(floor, 'order-1', { keep: 1 })).json.quantity, 1);
  const listed = (await seats.admin.get(`/admin/events/${event}/export`)).json;
  assert.deepEqual(listed.map(({ seat, places, price }) => seat ?? [places, price]), ['r1s1', 'r1s3', [1, 150000]]);
});

test('a late payment retakes the seats, or is refused because they are gone', async () => {
  const { event, boss, alice, bob } = await fresh({ limits: { hold_ttl_s: 30, hold_max_s: 30 } });
  const order = saga(seats, event);
  const early = (await alice.hold({ seats: ['r1s1'] })).json.hold;
  const late = (await alice.hold({ seats: ['r3s1'] })).json.hold;
  assert.equal((await order.extend(early, 'o-1', { pay_ttl_s: 1 })).status, 200);
  assert.equal((await order.extend(late, 'o-2', { pay_ttl_s: 1 })).status, 200);
  // The import, two holds, two extensions and two expiries, in any number of rows.
  await until('both to have run out', () =>
    postgres.sql(
      `SELECT max(seq) FROM seats.journal j JOIN seats.event e ON e.no = j.event
       WHERE e.id = '${event}'`,
      'seats',
    ) === '7');
  assert.match((await boss.correct(hall({ rows: 4 }))).json.clashes[0].why, /^an order whose time ran out can be paid for two hours/);
  assert.equal((await order.confirm(early, 'o-1')).json.verdict, 'retaken');
  assert.equal((await bob.hold({ seats: ['r3s1'] })).status, 201);
  const gone = assertStatus(await order.confirm(late, 'o-2'), 409);
  assert.deepEqual(gone.json.seats, ['r3s1']);
});

test('an order cannot confirm a hold that it gave back', async () => {
  const { event, alice } = await fresh({ limits: { hold_ttl_s: 30, hold_max_s: 30 } });
  const order = saga(seats, event);
  for (const [seat, giveBack] of [['r1s1', order.release], ['r3s1', order.refund]]) {
    const { hold } = (await alice.hold({ seats: [seat] })).json;
    assert.equal((await order.extend(hold, 'o-1', { pay_ttl_s: 1 })).status, 200);
    await until('the hold to run out', async () => (await alice.read(hold)).json.state === 'expired');
    let back;
    await until('that to be written', async () => { // before that, the hold accepts no other change
      back = await giveBack(hold, 'o-1');
      return back.json.code !== 'hold-busy';
    });
    assert.equal(back.status, 200, back.text);
    assert.equal(back.json.verdict, 'released');
    assert.equal(back.json.state, 'gone');
    assertProblem(await order.confirm(hold, 'o-1'), 410, 'no-such-hold');
    assertProblem(await order.extend(hold, 'o-1'), 410, 'no-such-hold');
    assert.equal((await giveBack(hold, 'o-1')).status, 200);
    assert.equal((await alice.hold({ seats: [seat] })).status, 201);
  }
});

// A browser without scripts: only forms, redirects and cookies.
function browser(event, who = {}, office = seats.office) {
  const path = `/v1/seats/${event}/plain`;
  const headers = { cookie: `fg_pass_${event}=${office.pass(event, who)}`, 'accept-language': 'en' };
  const origin = `http://127.0.0.1:${seats.port}`;
  return {
    page: async (query = '') => contract.check('GET', path, await seats.http.get(`${path}${query}`, { headers })),
    send: async (fields, { hold = '', from = origin } = {}) => {
      const form = { ...headers, origin: from, 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await seats.http.post(`${path}${hold}`, { headers: form, body: typeof fields === 'string' ? fields : String(new URLSearchParams(fields)) });
      contract.check('POST', `${path}${hold}`, answer);
      return answer.headers.location.replace(path, '');
    },
  };
}
const keyOf = (page) => /name="key" value="(\w+)"/.exec(page.text)[1];
const heldOf = (page) => [...page.text.matchAll(/href="\/pay\/checkout\/[\w-]+\/([\w-]+)"/g)].map((match) => match[1]);

test('without a script, forms hold, shrink and release by the same rules', async () => {
  const { event } = await fresh({ area: 50, fees: { per_seat: 1000 } });
  const one = browser(event);
  const empty = assertStatus(await one.page(), 200);
  assert.match(empty.text, /Front <span class="price">KRW 150,000<\/span> <span class="soft">50 left/);
  const form = { key: keyOf(empty), category: 'Back', quantity: '2' };
  // Submitted twice, it holds once; changed and sent again, it is another request.
  assert.deepEqual([await one.send(form), await one.send(form)], ['', '']);
  const held = await one.page();
  const [hold, ...others] = heldOf(held);
  assert.deepEqual(others, []);
  assert.match(held.text, /Time left to pay: [45] min/);
  assert.match(held.text, /KRW 2,000[^]*KRW 200,000/);
  assert.doesNotMatch(held.text, /name="category"/);
  const seat = /name="remove" value="([^"]+)"/.exec(held.text)[1];
  assert.equal(await one.send({ remove: seat }, { hold: `/${hold}` }), '');
  assert.match((await one.page()).text, /KRW 100,000/);
  const stranger = browser(event);
  assert.equal(await stranger.send({ act: 'release' }, { hold: `/${hold}` }), '?refused=hold-unknown');
  assert.equal(await one.send({ act: 'release' }, { hold: `/${hold}` }), '');
  const again = await one.page();
  assert.deepEqual(heldOf(again), []);
  // Standing places, and their number.
  assert.equal(await one.send({ key: keyOf(again), area: 'floor', quantity: '3' }), '');
  const [standing] = heldOf(await one.page());
  assert.equal(await one.send({ quantity: '4' }, { hold: `/${standing}` }), '');
  assert.match((await one.page()).text, /floor × 4/);
  // The same number again, after another one, is a new change.
  for (const quantity of ['3', '4']) assert.equal(await one.send({ key: keyOf(await one.page()), quantity }, { hold: `/${standing}` }), '');
  const open = (await one.page()).text;
  assert.match(open, /floor × 4[^]*KRW 4,000[^]*<strong>KRW/);
  // Fees may have been corrected since the order was made, so only the order says what it costs.
  assert.equal((await saga(seats, event).extend(standing, 'order-1')).status, 200);
  const paying = (await one.page()).text;
  assert.match(paying, /floor × 4/);
  assert.doesNotMatch(paying, /KRW 4,000|<strong>KRW/);
});

test('without a script a refusal is on the page and takes no seat', async () => {
  const { event } = await fresh();
  const one = browser(event);
  const refused = async (fields, code, words, more) => {
    assert.equal(await one.send(fields, more), `?refused=${code}`);
    const page = await one.page(`?refused=${code}`);
    assert.match(page.text, words);
    assert.deepEqual(heldOf(page), []);
  };
  await refused({ category: '', quantity: '9' }, 'too-many', /at most 8 tickets/);
  await refused({ category: '', quantity: 'many' }, 'bad-field', /Nothing was taken/);
  await refused({ category: '', quantity: '1', code: 'guess' }, 'code-unknown', /code/);
  await refused('category=%ff&quantity=1', 'bad-json', /Nothing was taken/);
  await refused('quantity=1&quantity=2', 'bad-json', /Nothing was taken/);
  await refused({ category: '', quantity: '1' }, 'pass-missing', /has no admission/, { from: 'https://evil.example' });
  await refused({ category: '', quantity: '1' }, 'pass-missing', /has no admission/, { from: 'null' });
  const late = assertStatus(await browser(event, { ttl: -60 }).page(), 401);
  assert.match(late.text, /href="\/e\/[\w-]+"/);
  assert.match((await one.page('?refused=%3Cscript%3E')).text, /didn/);
  const gone = assertStatus(await browser('no-such-event').page(), 404);
  assert.match(gone.text, /no such event/);
  assert.equal((await seats.http.get(`/seats/${event}?noscript`)).headers.location, `/v1/seats/${event}/plain`);
});

const CODED = { channels: [{ id: 'club', code: 'open sesame' }] };
const CHOOSE = /name="category"/;
const RELEASE = /name="act" value="release"/;
const WAITS = /http-equiv="refresh" content="[2-5]; url=\?"/;
const BACK = /href="\/e\/[\w-]+"/;
// Retries until a form is refused for another reason.
async function insist(one, fields, wanted) {
  for (let n = 0; n < 400; n += 1) {
    const at = await one.send({ category: '', quantity: '1', code: `guess ${n}`, ...fields });
    if (at === wanted) return at;
  }
  return '';
}
// What a hall (of `options`) refuses, and the page's message and offers.
const REFUSED_FORMS = [
  ['sold-out', { rows: 1, seatsPerRow: 2 }, async ({ one, event }) => {
    const other = browser(event);
    assert.equal(await other.send({ key: keyOf(await other.page()), category: '', quantity: '2' }), '');
    return one.send({ category: '', quantity: '1' });
  }, /Try fewer seats/, /Load this page again/],
  ['not-on-sale', { categories: [{ name: 'Front', price: 1 }, { name: 'Back', price: 1, on_sale_at: '2035-01-01T00:00:00Z' }] }, ({ one }) => one.send({ category: 'Back', quantity: '1' }), /not on sale right now/, /value="Back" disabled> Back .*on sale from Mon 1 January 2035, 00:00</],
  ['buyer-limit', { limits: { max_per_buyer: 2 } }, async ({ one }) => (await one.send({ category: '', quantity: '2' }), one.send({ category: '', quantity: '1' })), /as many tickets as one buyer can have/, RELEASE],
  ['bad-field', {}, ({ one }) => one.send({ category: 'Loge', quantity: '1' }), /Please try again/, CHOOSE],
  ['no-seats', {}, ({ one }) => one.send({ category: '', quantity: '0' }), /Please try again/, CHOOSE],
  ['channel', { ...CODED, areas: [{ id: 'floor', category: 'Front', capacity: 9, channel: 'club' }] }, async ({ one, hold }) => {
    assert.equal(await one.send({ area: 'floor', quantity: '1' }), '?refused=channel');
    const held = await hold({ area: 'floor', quantity: '2', code: 'open sesame' });
    for (const change of [{ quantity: '1' }, { quantity: '2', code: 'open sesame' }]) assert.equal(await one.send(change, held), '', 'only more places need the code');
    return one.send({ quantity: '3' }, held);
  }, /Please enter yours as “Seat code”/, /Seat code <input name="code"/],
  ['too-many-codes', CODED, ({ one }) => insist(one, {}, '?refused=too-many-codes'), /try again in a minute/, CHOOSE],
  ['too-many-requests', { limits: { rate_per_session_per_s: 1 } }, ({ one }) => insist(one, { category: 'Loge' }, '?refused=too-many-requests'), /wait a moment/, CHOOSE],
  ['not-in-hold', {}, async ({ one, hold }) => one.send({ remove: 'r9s9' }, await hold({ category: 'Front', quantity: '2' })), /Please try again/, RELEASE],
  ['price-changed', { area: 9 }, async ({ one, hold, event }) => {
    const held = await hold({ area: 'floor', quantity: '1' });
    assert.equal((await operator(seats, event).price({ prices: { Front: 5 } })).status, 200);
    return one.send({ quantity: '2' }, held);
  }, /release what you hold and choose again/, RELEASE],
  ['seats-and-area', { area: 9 }, async ({ one, hold }) => one.send({ quantity: '2' }, await hold({ category: 'Front', quantity: '1' })), /release what you hold first/, RELEASE],
  ['hold-paying', {}, async ({ one, hold, event }) => {
    const held = await hold({ category: '', quantity: '1' });
    assertStatus(await saga(seats, event).extend(held.hold.slice(1), 'o-1'), 200);
    return one.send({ act: 'release' }, held);
  }, /Pay for it, or cancel it there/, /class="button main" href="\/pay\/checkout/],
  ['hold-expired', { limits: { hold_ttl_s: 12 } }, async ({ one, hold, event }) => {
    const held = await hold({ category: '', quantity: '1' });
    assertStatus(await saga(seats, event).extend(held.hold.slice(1), 'o-1', { pay_ttl_s: 1 }), 200); // a hold without an order is forgotten when it expires
    return until('the hold to run out', async () => {
      const at = await one.send({ act: 'release' }, held);
      return !/hold-busy|hold-paying/.test(at) && at;
    });
  }, /free again/, CHOOSE],
  ['outcome-unknown', {}, () => '?refused=outcome-unknown', /will appear as soon as we do/, WAITS],
  ['request-in-progress', {}, () => '?refused=request-in-progress', /Please wait a moment/, WAITS],
  ['pass-expired', { who: { claims: { iat: 1_700_000_000, exp: 1_700_000_600 } } }, ({ one }) => one.send({ category: '', quantity: '1' }), /has run out/, BACK],
  ['pass-foreign', { who: { claims: { aud: 'other' } } }, ({ one }) => one.send({ category: '', quantity: '1' }), /for another event/, BACK],
  ['pass-invalid', { who: { claims: { iss: 'else' } } }, ({ one }) => one.send({ category: '', quantity: '1' }), /go back to the waiting page/, BACK],
  ['event-renewed', { who: { claims: { incarnation: '019a30000000aaaaaa' } } }, async ({ one, event }) => {
    assertStatus(await browser(event, { claims: { incarnation: '019a30000001000001' } }).page(), 200);
    return one.send({ category: '', quantity: '1' });
  }, /join again/, BACK],
  ['pass-ended', { who: { session: 'ended' } }, async ({ one, event }) => {
    assertStatus(await saga(seats, event).endSession('ended'), 204);
    return one.send({ category: '', quantity: '1' });
  }, /please join the line/, BACK],
  ['event-unknown', { where: 'nowhere' }, ({ one }) => one.send({ category: '', quantity: '1' }), /no such event/, BACK],
];
for (const [code, { who, where, ...options }, send, words, offer] of REFUSED_FORMS) {
  test(`without a script, ${code} leads to a page that says what to do`, async () => {
    const { event } = await fresh(options);
    const one = browser(where ?? event, who);
    const hold = async (fields) => {
      assert.equal(await one.send({ key: keyOf(await one.page()), ...fields }), '');
      return { hold: `/${heldOf(await one.page())[0]}` };
    };
    assert.equal(await send({ one, hold, event }), `?refused=${code}`);
    // The counts of seats follow a moment later.
    const page = await until(`a page with ${offer}`, async () => {
      const { status, text } = await one.page(`?refused=${code}`);
      return status !== 429 && offer.test(text) && text;
    });
    assert.match(/class="notice"[^>]*>([^<]*)/.exec(page)[1], words);
  });
}
