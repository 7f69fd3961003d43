// kill -9 of the owner with two thousand holds in flight. The load program records each response; the picture of the
// hall after the restart must agree with it, seat by seat.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { programPath, seededRng, until } from '../../lib-js/index.js';
import { hall, importHall, openSale, picture, saga, visitor } from '../../integration/seat-service/site.js';
import { judgeJournal } from './ledger.js';

const ROUNDS = process.env.FAIRGATE_SOAK ? 40 : 1;
const SIZE = { rows: 48, seatsPerRow: 250 };
const SEATS = SIZE.rows * SIZE.seatsPerRow;
const IN_FLIGHT = 2000;
const PASSES = 100;
const READ_BACK = 50;

const changes = async (seats) => (await seats.metrics()).get('fairgate_journal_changes_total');

// Runs until the service has closed every connection. -> Map: seat -> response
function startRush(scope, seats, event) {
  const dir = scope.tempDir('rush-');
  const passes = join(dir, `passes-${event}`);
  const log = join(dir, `log-${event}`);
  writeFileSync(passes, Array.from({ length: PASSES }, () => `${seats.office.pass(event)}\n`).join(''));
  const argv = ['-p', seats.port, '-u', `/v1/seats/${event}/holds`, '-t', passes, '-c', IN_FLIGHT,
    '-s', 60, '-n', SEATS, '-r', SIZE.seatsPerRow, '-l', log].map(String);
  const child = scope.spawn(`rush-${event}`, [programPath('rush'), ...argv]);
  return async () => {
    assert.equal((await child.ends(300_000)).code, 0, child.log());
    return readFileSync(log, 'utf8').trim().split('\n').map((line) => {
      const [seat, what, hold] = line.split(' ');
      return { seat: Number(seat), what, hold };
    });
  };
}

// Seats of acknowledged holds are held, those never requested are free; without a response either is right.
async function judge(seats, event, notices) {
  const reader = visitor(seats, event);
  // An owner is ready once it has one event open; it opens the others as soon as it can.
  await until('the event to be open', async () => (await reader.info()).status === 200);
  const now = await picture(reader, SEATS);
  const asked = new Set();
  const count = { held: 0, lost: 0, found: 0 };
  for (const { seat, what } of notices) {
    asked.add(seat);
    if (what === 'held') assert.equal(now[seat], 'held', `seat ${seat} was answered`);
    if (what in count) count[what] += 1;
    if (what === 'lost' && now[seat] === 'held') count.found += 1;
  }
  now.forEach((state, seat) => assert.ok(asked.has(seat) || state === 'free', `seat ${seat} is ${state}`));
  return count;
}

// judges: confirmed, seat
test('kill -9 with thousands of holds in flight: every answer is true after the restart', async (t) => {
  const rng = seededRng(t);
  const { scope, postgres, seats } = await openSale(t, []);
  let inTime = 0;
  for (let round = 0; inTime < ROUNDS; round += 1) {
    const event = `rush-${round}`;
    await importHall(seats, event, hall({ ...SIZE, limits: { orphan_rule: false, hold_ttl_s: 900 } }));
    const enough = (await changes(seats)) + 500 + rng.unit() * 3000;
    const toEnd = startRush(scope, seats, event);
    await until('some of them to be held', async () => (await changes(seats)) >= enough, { timeoutMs: 60_000, everyMs: 5 });
    await seats.kill();
    const notices = await toEnd();
    await seats.start();
    const count = await judge(seats, event, notices);
    t.diagnostic(JSON.stringify(count));
    assert.ok(count.held > 0);
    // If the kill came late, the hall was nearly sold: try once more.
    if (count.lost === IN_FLIGHT) inTime += 1;
    else assert.ok(round < ROUNDS + 5, `${count.lost} were under way, each time fewer than ${IN_FLIGHT}`);
    const held = notices.filter(({ what }) => what === 'held');
    for (let i = 0; i < READ_BACK; i += 1) {
      const { seat, hold } = held[Math.floor(rng.unit() * held.length)];
      const answer = await saga(seats, event).read(hold);
      assert.equal(answer.status, 200, answer.text);
      const name = `r${Math.floor(seat / SIZE.seatsPerRow) + 1}s${(seat % SIZE.seatsPerRow) + 1}`;
      assert.ok(answer.text.includes(`"${name}"`), `${hold} is of ${name}: ${answer.text}`);
    }
    judgeJournal(postgres);
  }
});
