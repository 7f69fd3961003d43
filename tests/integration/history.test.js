// The checker of histories (tests/history): legal histories pass, each lie is found by its name, and the search agrees with
// trying all orders.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { check, story } from '../history/check.js';
import { legalLine, legalMoney, legalSeats, lineLies, moneyLies, seatLies } from '../history/made.js';
import { historyOf, NoHistory } from '../history/record.js';
import { contradiction, does, GONE, HELD, SOLD } from '../history/search.js';
import { openScope, ROOT, seededRng } from '../lib-js/index.js';

const ROUNDS = process.env.FAIRGATE_SOAK ? 2000 : 60;
const scope = openScope(test);

const S = 1_000_000;
const judged = (lines) => check(historyOf(lines));
const names = ({ found }) => [...new Set(found.map(({ invariant, kind }) => `${invariant} ${kind}`))].sort();
const seats = (...lines) => judged([{ history: 1 }, ...lines]);

const op = (name, by, from, to, fields = {}) => ({ op: name, by, from: from * S, ...(to === null ? { answer: 'unknown' } : { to: to * S, answer: 'ok' }), ...fields });
const hold = (by, from, to, what, until = 100) => op('hold', by, from, to, { wants: what, ...(to === null ? {} : { seats: what, hold: `h-${by}`, until: until * S }) });
const on = (name, by, from, to, fields) => op(name, by, from, to, { hold: `h-${by}`, ...fields });

test('an invalid history is refused with its line number', () => {
  const first = '{"history":1}';
  const end = (books) => [first, JSON.stringify({ fact: 'end', at: 1, books })];
  const garbage = ['null', '1', '"hold"', '[]', 'true', '', '{', '{}', '{"op":null}', '{"op":["hold"]}', '{"fact":["end"],"at":1}', '{"fact":{}}', '{"op":"toString"}'];
  for (const line of garbage) {
    assert.throws(() => historyOf([line]), (error) => error instanceof NoHistory && /^line 1:/.test(error.message), `first: ${line}`);
    assert.throws(() => historyOf([first, line]), (error) => error instanceof NoHistory && /^line 2:/.test(error.message), `second: ${line}`);
  }
  for (const books of [null, 'seats', 1, {}, true, [1], ['']]) assert.throws(() => historyOf(end(books)), NoHistory, `books ${JSON.stringify(books)}`);
  for (const settings of [{ history: 2 }, { slack_us: '3' }, { saga: 'maybe' }, { lag_us: null }, { of: [] }])
    assert.throws(() => historyOf([{ history: 1, ...settings }]), NoHistory, JSON.stringify(settings));
  assert.throws(() => historyOf([]), NoHistory);
  assert.equal(historyOf(end(['seats'])).facts.length, 1);
});

describe('seats', () => {
  test('a seat that two hold at once is found, with those two and nobody else', () => {
    const { found } = seats(hold('a', 1, 2, ['x', 'y']), hold('b', 3, 4, ['y']), hold('c', 1, 2, ['z']), hold('d', 0, 1, ['w']));
    assert.equal(found.length, 1);
    assert.deepEqual(found[0].ops.map(({ by }) => by), ['a', 'b']);
    assert.match(story(found[0]), /^I1 two-owners: seat y[^]*a: hold wants x y[^]*until 99.000[^]*b: hold/);
  });

  test('calls that overlap may have happened in either order', () => {
    const back = on('release', 'a', 3, 10);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), back, hold('b', 4, 5, ['x']))), []);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), on('release', 'a', 6, 10), hold('b', 4, 5, ['x']))), ['I1 two-owners']);
    assert.deepEqual(names(seats(hold('a', 1, 9, ['x']), on('release', 'a', 2, 9), hold('b', 3, 4, ['x']))), []);
  });

  test('a call without an answer may happen at any later time, or never', () => {
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), on('release', 'a', 3, null), hold('b', 50, 51, ['x']))), []);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), on('release', 'a', 3, null), on('confirm', 'a', 50, 51))), []);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), on('release', 'a', 60, null), hold('b', 50, 51, ['x']))), ['I1 two-owners']);
    assert.deepEqual(names(seats(hold('a', 1, null, ['x']), hold('b', 2, 3, ['x']))), []);
  });

  test('a hold runs out no earlier than promised, and a later promise counts', () => {
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x'], 10), hold('b', 9, 11, ['x']))), []);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x'], 10), hold('b', 8, 9, ['x']))), ['I1 two-owners']);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x'], 10), on('extend', 'a', 3, 4, { until: 30 * S }), hold('b', 15, 20, ['x']))), ['I1 two-owners']);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x'], 10), on('gone', 'a', 5, 6))), ['I3 gone-early']);
    assert.deepEqual(names(judged([{ history: 1, slack_us: 3 * S }, hold('a', 1, 2, ['x'], 10), hold('b', 8, 9, ['x'])])), []);
  });

  test('what was sold stays sold; a sale may take the seats of a hold that ran out, if they are free', () => {
    const a = hold('a', 1, 2, ['x'], 10);
    assert.deepEqual(names(seats(a, on('confirm', 'a', 3, 4), hold('b', 50, 51, ['x']))), ['I1 two-owners']);
    assert.deepEqual(names(seats(a, hold('b', 50, 51, ['x']), on('confirm', 'a', 52, 53))), ['I1 two-owners']);
    assert.deepEqual(names(seats(a, hold('b', 50, 51, ['x']), on('release', 'b', 52, 53), on('confirm', 'a', 54, 55))), []);
    assert.deepEqual(names(seats(a, on('giveback', 'a', 3, 4), on('confirm', 'a', 54, 55))), ['I1 two-owners']);
    assert.deepEqual(names(seats(a, on('confirm', 'a', 3, 4), on('refund', 'a', 5, 6), hold('b', 7, 8, ['x']))), []);
    assert.deepEqual(names(seats(a, on('ticket', 'a', 3, 4))), ['I3 ticket-without-seat']);
  });

  test('a saga that is not seen may go on after an order, but takes no tickets back', () => {
    const unseen = (...lines) => names(judged([{ history: 1, saga: 'unseen' }, hold('a', 1, 2, ['x']), ...lines]));
    const order = on('order', 'a', 3, 4, { order: 'o', amount: 1 });
    assert.deepEqual(unseen(order, hold('b', 5, 6, ['x'])), []);
    assert.deepEqual(unseen(order, on('ticket', 'a', 7, 8)), []);
    assert.deepEqual(unseen(hold('b', 5, 6, ['x'])), ['I1 two-owners']);
    assert.ok(unseen(order, on('ticket', 'a', 7, 8), op('paid', 'a', 5, 6, { order: 'o', amount: 1 }), hold('b', 9, 10, ['x'])).includes('I1 two-owners'));
    assert.ok(unseen(order, hold('b', 5, 6, ['x']), on('ticket', 'a', 7, 8), op('paid', 'a', 5, 6, { order: 'o', amount: 1 })).includes('I1 two-owners'));
  });

  test('a change gives and takes seats, and one without an answer leaves those seats open', () => {
    const a = hold('a', 1, 2, ['x', 'y']);
    const change = (to) => on('change', 'a', 3, to, { remove: ['y'] });
    assert.deepEqual(names(seats(a, change(4), hold('b', 5, 6, ['y']))), []);
    assert.deepEqual(names(seats(a, change(4), hold('b', 5, 6, ['x']))), ['I1 two-owners']);
    assert.deepEqual(names(seats(a, change(null), hold('b', 5, 6, ['y']))), []);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), on('change', 'a', 3, 4, { add: ['y'] }), hold('b', 5, 6, ['y']))), ['I1 two-owners']);
  });

  // For each seat alone there is an order: b had x first and expired, and a had y first and expired.
  test('several seats are taken at one moment', () => {
    const both = ['a', 'b'].flatMap((by) => [hold(by, 0, 20, ['x', 'y'], 5), on('confirm', by, 21, null)]);
    const sold = (seat, by) => ({ fact: 'sold', at: 30 * S, seat, hold: `h-${by}` });
    assert.deepEqual(names(seats(...both, sold('x', 'a'), sold('y', 'a'))), []);
    assert.deepEqual(names(seats(...both, sold('x', 'a'), sold('y', 'b'))), ['I1 not-at-once']);
  });

  test('what the books say was sold was held', () => {
    const sold = (seat) => ({ fact: 'sold', at: 30 * S, seat, hold: 'h-a' });
    const a = [hold('a', 1, 2, ['x']), on('confirm', 'a', 3, 4)];
    assert.deepEqual(names(seats(...a, sold('x'))), []);
    assert.deepEqual(names(seats(...a, sold('y'))), ['I3 sold-and-lost']);
    assert.deepEqual(names(seats(...a, on('refund', 'a', 5, 6), sold('x'))), ['I3 sold-and-lost']);
  });

  test('a refused seat had another owner', () => {
    const refused = (from, to) => ({ op: 'hold', by: 'r', from: from * S, to: to * S, answer: 'refused', wants: ['x'], taken: ['x'] });
    assert.deepEqual(names(seats(refused(3, 4))), ['I4 refused-for-nobody']);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), refused(3, 4))), []);
    assert.deepEqual(names(seats(hold('a', 1, 2, ['x']), on('release', 'a', 3, 4), refused(5, 6))), ['I4 refused-for-nobody']);
    assert.deepEqual(names(seats(hold('a', 1, null, ['x']), refused(50, 60))), []);
    // The repeated call may have wanted any seats before the answer, but not after it.
    const others = { ...hold('a', 1, 20, ['y']), wants: undefined };
    const REFUSED = ['I4 refused-for-nobody'];
    assert.deepEqual(names(seats(others, refused(3, 4))), REFUSED);
    assert.deepEqual(names(seats({ ...others, again: true }, refused(3, 4))), []);
    assert.deepEqual(names(seats({ ...others, again: true }, refused(21, 22))), REFUSED);
    assert.deepEqual(names(seats({ ...others, again: true, wants: ['y'] }, refused(3, 4))), REFUSED);
  });

  test('a seat with too many states to search is reported as too wide', () => {
    const lines = Array.from({ length: 14 }, (_, i) => [hold(`v${i}`, 1, 60, ['x'], 2), on('release', `v${i}`, 2, 61), on('gone', `v${i}`, 2, 61)]).flat();
    const { wide, found } = judged([{ history: 1, widest: 50 }, ...lines]);
    assert.deepEqual([wide.length, found], [1, []]);
  });
});

describe('places', () => {
  const line = (...lines) => names(judged([{ history: 1, gone_after_us: 10 * S }, ...lines]));
  const joined = (by, from, to, place) => op('join', by, from, to, { place });
  const look = (by, from, place, ahead, more = {}) => op('look', by, from, from + 1, { place, ahead, waiting: true, ...more });
  const enter = (by, from, place) => op('enter', by, from, from + 1, { place });

  test('a place is one visitor\'s for good', () => {
    assert.deepEqual(line(joined('a', 1, 2, 7), joined('a', 3, 4, 7)), []);
    assert.deepEqual(line(joined('a', 1, 2, 7), joined('b', 1, 2, 7)), ['I6 two-places']);
    assert.deepEqual(line(joined('a', 1, 2, 7), joined('a', 3, 4, 8)), ['I6 two-places']);
    assert.deepEqual(line(joined('a', 1, 2, 7), { fact: 'loss', at: 2 * S }, joined('a', 3, 4, 8)), []);
    assert.deepEqual(line(joined('a', 1, 2, 7), op('look', 'a', 4, null), joined('a', 20, 21, 8)), []);
    assert.deepEqual(line(joined('a', 1, 2, 7), op('look', 'a', 8, null), joined('a', 16, 17, 8)), ['I6 two-places']);
  });

  test('the first to get a place has the lower one, and a draw comes before all later joins', () => {
    assert.deepEqual(line(joined('a', 1, 2, 7), joined('b', 3, 4, 6)), ['I6 order-of-joins']);
    assert.deepEqual(line(joined('a', 1, 3, 7), joined('b', 3, 4, 6)), []);
    assert.deepEqual(line(op('join', 'b', 0, null), joined('a', 1, 2, 7), joined('b', 3, 4, 6)), []);
    const entered = (by, from, entry) => op('join', by, from, from + 1, { entry });
    assert.deepEqual(line(entered('a', 1, 2), entered('b', 3, 1)), ['I6 order-of-joins']);
    assert.deepEqual(line(entered('a', 1, 1), entered('b', 3, 2), joined('a', 5, 6, 2), joined('b', 7, 8, 1), joined('c', 9, 10, 3)), []);
    assert.deepEqual(line(entered('a', 1, 1), joined('a', 5, 6, 4), joined('c', 9, 10, 3)), ['I6 order-of-joins']);
  });

  test('nobody is let in before those in front of them, within what a front may not know', () => {
    assert.deepEqual(line(enter('b', 1, 8), look('a', 5, 7, 0)), ['I6 jump']);
    assert.deepEqual(line(enter('b', 1, 8), look('a', 3, 7, 0)), []);
    assert.deepEqual(line(enter('b', 1, 8), look('a', 5, 7, 0, { stale: true })), []);
    assert.deepEqual(line(enter('b', 1, 8), look('a', 5, 7, 0, { waiting: false })), []);
    assert.deepEqual(line(enter('b', 1, 8), look('b', 5, 8, 0)), ['I6 jump']);
  });

  test('more are ahead only by those who may have counted as gone', () => {
    const known = [joined('a', 0, 1, 1), look('a', 8, 1, 0), look('a', 12, 1, 0)];
    assert.deepEqual(line(...known, look('b', 1, 2, 0), look('b', 9, 2, 1)), ['I6 ahead-rose']);
    assert.deepEqual(line(look('b', 1, 2, 0), look('b', 9, 2, 1)), []);
    assert.deepEqual(line(...known.slice(0, 2), look('a', 30, 1, 0), look('b', 1, 2, 0), look('b', 9, 2, 1)), []);
    assert.deepEqual(line(look('b', 1, 3, 0), look('b', 9, 3, 3)), ['I6 ahead-rose']);
    assert.deepEqual(line(look('b', 1, 3, 0), look('b', 3, 3, 3)), []);
  });
});

// ---- made up: legal ones, and lies ----

for (const [what, legal, lies] of [['seats', legalSeats, seatLies], ['the line', legalLine, lineLies], ['money', legalMoney, moneyLies]]) {
  test(`a generated history of ${what} passes, and each planted lie is found`, (t) => {
    const rng = seededRng(t);
    const planted = Object.fromEntries(Object.keys(lies).map((name) => [name, 0]));
    for (let round = 0; round < ROUNDS; round += 1) {
      const lines = legal(rng);
      const honest = judged(lines);
      assert.deepEqual([honest.found.map(story), honest.wide], [[], []]);
      for (const [name, lie] of Object.entries(lies)) {
        const spoilt = lie(rng, lines);
        if (!spoilt) continue;
        planted[name] += 1;
        const verdict = judged(spoilt);
        // A lie about a seat may be found as either of the two contradictions that it makes.
        const found = names(verdict);
        assert.ok(found.includes(name) || (/^I[13]/.test(name) && what === 'seats' && found.length > 0), `${name}: ${found}`);
      }
    }
    for (const [name, count] of Object.entries(planted)) assert.ok(count > ROUNDS / 10, `${name} was planted ${count} times`);
    t.diagnostic(JSON.stringify(planted));
  });
}

// ---- the search against a try of all orders ----

// All orders consistent with the times of calls and answers, each operation as early as possible.
function possible(ops, holds) {
  const free = { how: new Uint8Array(holds.length), seats: new Int32Array(holds.length), until: new Float64Array(holds.length), done: [] };
  const become = (picture, h, how) => ({ ...picture, how: picture.how.with(h, how) });
  const tried = new Set();
  const attempt = (picture, at, left) => {
    if (left.length === 0) return true;
    const key = `${picture.how}|${picture.seats}|${picture.until}|${at}|${left.map(({ nth }) => nth)}`;
    if (tried.has(key)) return false;
    tried.add(key);
    const next = (one) => !left.some((other) => other !== one && other.to < one.from);
    for (const op of left.filter(next)) {
      const moment = Math.max(at, op.from);
      const after = moment <= op.to ? does(picture, op) : null;
      if (after !== null && attempt(after, moment, left.filter((other) => other !== op))) return true;
    }
    for (let h = 0; h < holds.length; h += 1) {
      const { from } = holds[h];
      if (picture.how[h] === HELD) {
        for (const when of [picture.until[h], from.release]) if (when < Infinity && attempt(become(picture, h, GONE), Math.max(at, when), left)) return true;
      }
      if ((picture.how[h] === HELD || picture.how[h] === GONE) && from.confirm < Infinity) {
        const sold = does(picture, { op: 'confirm', h });
        if (sold !== null && sold.how[h] === SOLD && attempt(sold, Math.max(at, from.confirm), left)) return true;
      }
    }
    return false;
  };
  return attempt(free, 0, ops);
}

function small(rng) {
  const holds = Array.from({ length: 1 + rng.below(3) }, () => ({
    from: { release: rng.chance(0.2) ? rng.below(20) : Infinity, confirm: rng.chance(0.2) ? rng.below(20) : Infinity, giveback: Infinity, refund: Infinity, saga: Infinity },
  }));
  const ops = [];
  const add = (name, h, fields = {}) => {
    const from = rng.below(20);
    ops.push({ op: name, h, from, to: from + rng.below(8), nth: ops.length, seats: 0, add: 0, remove: 0, ...fields });
  };
  holds.forEach((_, h) => add('hold', h, { seats: 1 + rng.below(3), until: rng.chance(0.5) ? 10 + rng.below(15) : 100 }));
  for (let n = rng.below(5); n > 0; n -= 1) add(rng.pick(['release', 'extend', 'confirm', 'gone', 'ticket', 'giveback', 'refund', 'change']), rng.below(holds.length), { until: 20 + rng.below(10), add: rng.below(4), remove: 0 });
  return { holds, ops };
}

test('the search agrees with trying all orders', (t) => {
  const rng = seededRng(t);
  let can = 0;
  const rounds = 50 * ROUNDS;
  for (let round = 0; round < rounds; round += 1) {
    const { holds, ops } = small(rng);
    const expected = possible(ops, holds);
    can += expected;
    assert.equal(contradiction(ops, holds) === null, expected, JSON.stringify({ holds, ops }));
  }
  t.diagnostic(`${can} of ${rounds} can be so`);
  assert.ok(can > rounds / 10 && can < rounds * 0.9);
});

// ---- the program ----

test('the program reports contradictions and refuses invalid files', () => {
  const dir = scope.tempDir('history-');
  const kept = (name, lines) => {
    const path = join(dir, name);
    writeFileSync(path, `${lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')}\n`);
    return path;
  };
  const run = (...files) => spawnSync(process.execPath, [join(ROOT, 'tests/history/check.js'), ...files], { encoding: 'utf8' });
  const good = kept('good', [{ history: 1, of: 'a test' }, hold('a', 1, 2, ['x'])]);
  const bad = kept('bad', [{ history: 1 }, hold('a', 1, 2, ['x']), hold('b', 3, 4, ['x'])]);
  const none = [
    ['{}'], [{ history: 1 }, '{"op":"hold"}'], [{ history: 1 }, '{"op":"steal","by":"a"}'], [{ history: 1 }, { ...hold('a', 1, 2, ['x']), to: 0 }],
    [{ history: 1 }, 'x'], [{ history: 1 }, { fact: 'captured', at: 1, order: 'o', amount: -1 }],
  ].map((lines, i) => kept(`none-${i}`, lines));
  const honest = run(good);
  assert.deepEqual([honest.status, honest.stdout.match(/\d+ passed, \d+ failed/)?.[0]], [0, '1 passed, 0 failed'], honest.stdout + honest.stderr);
  const empty = kept('empty', [{ history: 1 }]);
  assert.match(run(empty).stdout, /\n0 passed, 1 failed\n$/, 'nothing was judged');
  assert.match(run(good, empty).stdout, /\n2 passed, 0 failed\n$/, 'a world in which nothing was sold may be among others');
  const all = run(good, bad, ...none, empty);
  assert.equal(all.status, 1);
  assert.match(all.stdout, /FOUND: I1 two-owners: seat x[^]* 2\.000 \.\. {5}3\.000 s {2}b: hold/);
  assert.equal(all.stdout.match(/FOUND: .*none-\d: line \d/g)?.length, none.length, all.stdout);
  assert.match(all.stdout, /\n2 passed, 7 failed\n$/);
});
