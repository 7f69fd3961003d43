// Both limits of a hall's size: one seat and one standing place, and 66,000 seats.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, until } from '../../lib-js/index.js';
import { hall, openFollower, openSale, operator, opens, picture, saga, visitor } from './site.js';

test('one seat and one standing place are sold, given back, and held by the next', async (t) => {
  const { seats } = await openSale(t, ['tiny'], { document: hall({ rows: 1, seatsPerRow: 1, area: 1 }) });
  const [alice, bob] = [visitor(seats, 'tiny'), visitor(seats, 'tiny')];
  for (const [wish, order, code] of [[{ seats: ['r1s1'] }, 'o_seat', 'seats-taken'], [{ area: 'floor', quantity: 1 }, 'o_place', 'sold-out']]) {
    const { hold } = assertStatus(await alice.hold(wish), 201).json;
    assertProblem(await bob.hold(wish), 409, code);
    for (const act of ['extend', 'confirm', 'refund']) {
      assertProblem(await bob.hold(wish), 409, code);
      assertProblem(await bob.hold({ best_available: { quantity: 1 } }), 409, 'sold-out');
      assertStatus(await saga(seats, 'tiny')[act](hold, order), 200);
    }
    assertStatus(await bob.hold(wish), 201);
  }
});

test('of 66,000 seats 64 apart are held, corrected, sold, exported in pages and taken over', async (t) => {
  const body = hall({ rows: 660, seatsPerRow: 100, limits: { max_per_hold: 64, orphan_rule: false } });
  const { scope, postgres, seats: owner } = await openSale(t, ['arena'], { document: body });
  const standby = await openFollower(scope, postgres, owner);
  const apart = (from) => Array.from({ length: 64 }, (_, n) => `r${from + 10 * n}s${1 + n}`);
  const { hold, total } = assertStatus(await visitor(owner, 'arena').hold({ seats: apart(1) }), 201).json;
  assert.equal(total, 33 * 150000 + 31 * 99000);
  const boss = operator(owner, 'arena');
  assertStatus(await boss.correct({ ...body, name: 'Arena' }), 200);
  assertStatus(await boss.price({ prices: { Front: 1 } }), 200);
  for (const act of ['extend', 'confirm']) assertStatus(await saga(owner, 'arena')[act](hold, 'o_apart'), 200);
  await owner.kill();
  await until('the standby to own it', () => opens(standby, 'arena'));

  const bob = visitor(standby, 'arena');
  const all = await picture(bob, 66_000);
  assert.deepEqual([all.filter((state) => state === 'sold').length, all.filter((state) => state === 'free').length], [64, 65_936]);
  const { name, categories: [{ price }] } = (await bob.info()).json;
  assert.deepEqual([name, price], ['Arena', 1]);
  const page = async (query) => (await operator(standby, 'arena').exported(query)).json.map(({ seat }) => seat);
  assert.deepEqual([await page('?limit=40'), await page(`?limit=40&after=${apart(1)[39]}`)], [apart(1).slice(0, 40), apart(1).slice(40)]);
  assertProblem(await bob.hold({ seats: [apart(2)[0], apart(1)[63]] }), 409, 'seats-taken');
  assert.equal(assertStatus(await bob.hold({ seats: apart(2) }), 201).json.total, 33 + 31 * 99000);
});
