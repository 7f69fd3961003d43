// The fake seat service of this folder's tests answers like the real one: both get the same random calls, and each status,
// code and hold must be equal.

import assert from 'node:assert/strict';
import test from 'node:test';
import { client, openScope, seededRng } from '../../lib-js/index.js';
import { hall } from '../seat-service/site.js';
import { FakeQueue } from './lib/fakes.js';
import { openSite } from './lib/site.js';
import { EVENT } from './lib/world.js';

const SEATS = 10; // per row; few, so that some are requested twice
const PRICES = { 1: 150_000, 2: 99_000 }; // of a row's seats
const STEPS = Number(process.env.FAIRGATE_STEPS ?? (process.env.FAIRGATE_SOAK ? 20_000 : 500));

const scope = openScope(test);
const world = await openSite(scope, { halls: hall({ rows: 2, seatsPerRow: SEATS, limits: { orphan_rule: false, hold_max_s: 3600, max_per_hold: 4 } }) });
const { site, queue, seats: fake } = world;
const front = { real: site.http, fake: client({ port: fake.port }) };
const back = { real: site.private, fake: front.fake };
fake.plan = new Map([1, 2].flatMap((row) => Array.from({ length: SEATS }, (_, n) => [`r${row}s${n + 1}`, PRICES[row]])));
const SIDES = ['real', 'fake'];

const DIGEST = `${'B'.repeat(42)}A`; // of no hold: purchase.test.js compares prices of holds
const tokens = { good: site.secrets.read('service-token'), wrong: 'x'.repeat(43), admin: site.secrets.read('admin-token') };

// What both sides must agree on, with the hold's name in this test.
function told({ status, json }, holds, side) {
  const nameOf = (id) => holds.findIndex((hold) => hold[side] === id);
  if (Array.isArray(json))
    return { status, sold: json.map(({ seat, order, hold }) => `${seat} ${order} ${nameOf(hold)}`).sort() };
  const { code, verdict, state, seats, quantity, total, currency, same_category, hold } = json ?? {};
  return { status, code, verdict, state, seats: seats && [...seats].sort(), quantity, total, currency, same_category, hold: hold && nameOf(hold) };
}

// A visit takes seats that are free on both sides; the test makes the fake's hold.
async function take(rng, holds) {
  const row = rng.between(1, 2);
  const first = rng.between(1, SEATS - 2);
  const seats = [0, 1, 2].slice(rng.below(3)).map((n) => `r${row}s${first + n}`);
  const session = `visit-${holds.length}`;
  const { status, json } = await front.real.post(`/v1/seats/${EVENT}/holds`, { token: queue.pass(EVENT, session), body: { seats } });
  const taken = seats.some((seat) => fake.isTaken(seat));
  assert.equal(status, taken ? 409 : 201);
  if (taken) return;
  holds.push({ real: json.hold, fake: fake.hold(EVENT, session, { seats, total: PRICES[row] * seats.length }), session, seats });
}

// One random call: [service, method, path with a hold's name, options].
function aCall(rng, holds) {
  const nth = rng.below(holds.length + 1); // the last one does not exist
  const hold = holds[nth] ?? { real: 'nobodys', fake: 'nobodys', session: 'nobody', seats: ['r1s1'] };
  const event = rng.chance(0.05) ? 'other' : EVENT;
  const token = rng.chance(0.05) ? rng.pick(Object.values(tokens)) : tokens.good;
  const order = rng.chance(0.9) ? `o_${nth}` : rng.pick(['o_0', 'o_none', '']);
  const digest = rng.pick(['short', ...(fake.holds.get(hold.fake)?.order ? [DIGEST] : [])]);
  const purchase = rng.chance(0.1) ? { purchase: { digest } } : {};
  const one = rng.pick(hold.seats);
  const other = `r${rng.between(1, 2)}s${rng.between(1, SEATS + 1)}`;
  const [from, to] = [[rng.chance(0.9) ? one : other], [other]];
  const act = (action, body) => [back, 'post', (id) => `/internal/events/${event}/holds/${id}/${action}`, { token, body }];
  const kinds = {
    extend: () => act('extend', { order, ...purchase }),
    confirm: () => act('confirm', { order, ...purchase }),
    release: () => act('release', { order }),
    refund: () => act('refund', { order }),
    part: () => act('refund', { order, seats: rng.chance(0.9) ? [one] : [one, other] }),
    move: () => act('move', { order, from, to }),
    movable: () => act('movable', { order, from, to }),
    unknown: () => act('sell', { order }),
    read() {
      const pass = rng.chance(0.9) ? queue.pass(event, rng.chance(0.9) ? hold.session : 'nobody') : rng.pick(['', new FakeQueue().pass(event, hold.session), queue.pass('other', hold.session)]);
      return [front, 'get', (id) => `/v1/seats/${event}/holds/${id}`, { token: pass }];
    },
    end() {
      const session = rng.chance(0.1) ? hold.session : 'nobody';
      return [back, 'post', () => `/internal/sessions/${session}/end`, { token }];
    },
    sold: () => [back, 'get', () => `/admin/events/${event}/export`, { token: rng.chance(0.9) ? tokens.admin : token }],
  };
  const kind = rng.pick(['extend', 'extend', 'confirm', 'confirm', 'release', 'refund', 'part', 'part', 'move', 'movable', 'unknown', 'read', 'read', 'end', 'sold']);
  return { hold, kind, call: kinds[kind]() };
}

test('the fake of the seats answers as the seat service does', async (t) => {
  const rng = seededRng(t);
  const holds = [];
  const seen = new Set();
  for (let step = 0; step < STEPS; step += 1) {
    if (rng.chance(0.15)) await take(rng, holds);
    const { hold, kind, call: [client, method, path, options] } = aCall(rng, holds);
    const answers = {};
    for (const side of SIDES) answers[side] = told(await client[side][method](path(hold[side]), options), holds, side);
    seen.add(`${kind} ${answers.real.code ?? answers.real.status}`);
    assert.deepEqual(answers.fake, answers.real, `step ${step}: ${kind} ${path('HOLD')} ${JSON.stringify(options)}`);
  }
  t.diagnostic([...seen].sort().join(', '));
});
