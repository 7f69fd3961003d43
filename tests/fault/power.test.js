// The power fails. kill -9 leaves the kernel's cache intact, so it does not test syncs; here the disk itself
// (tests/fault/disk) forgets all unsynced data. Acknowledged changes must survive, and the same checks must detect a
// database that does not sync.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openForgetfulDisk, openScope, seededRng, until } from '../lib-js/index.js';
import { Crowd } from '../integration/queue-front/crowd.js';
import { openShow } from '../integration/queue-front/support.js';
import { hall, importHall, openPostgres, openSeats, untilOwner } from '../integration/seat-service/site.js';
import { judgeJournal, Ledger } from './seat-service/ledger.js';

const ROUNDS = process.env.FAIRGATE_SOAK ? 40 : 2;
const EVENT = 'dark-night';
const SIZE = { rows: 50, seatsPerRow: 40 };
const SEATS = SIZE.rows * SIZE.seatsPerRow;

// Of the unsynced blocks none, some or nearly all may have been written.
const survivors = (rng) => ({ seed: Math.floor(rng.unit() * 2 ** 32), keep: [0, 40, 95][Math.floor(rng.unit() * 3)] });

async function openHall(scope, settings = {}) {
  const disk = await openForgetfulDisk(scope);
  const postgres = await openPostgres(scope, settings, disk);
  const seats = await openSeats(scope, postgres);
  await importHall(seats, EVENT, hall({ ...SIZE, limits: { orphan_rule: false } }));
  return { postgres, seats };
}

// Together: one machine has both, and the service dies with its database. Otherwise it lives on and the database returns.
async function cutUnderLoad({ postgres, seats }, ledger, rng, together) {
  const before = ledger.answers.get(201) ?? 0;
  ledger.start(24);
  try {
    await until('some holds to be answered', () => (ledger.answers.get(201) ?? 0) >= before + 50 + rng.unit() * 200);
    await postgres.powerCut(survivors(rng));
    if (together) await seats.kill();
    await postgres.start();
    if (together) await seats.start();
    await untilOwner(seats);
    const by = ledger.answers.get(201) ?? 0;
    await until('holds to be answered again', () => (ledger.answers.get(201) ?? 0) > by);
  } finally {
    await ledger.stop();
  }
}

// judges: confirmed, seat
test('the power of PostgreSQL fails under load: every answered hold is there when it is back', async (t) => {
  const rng = seededRng(t);
  const site = await openHall(openScope(t));
  const ledger = new Ledger(site.seats, EVENT, rng);
  for (let round = 0; round < ROUNDS; round += 1) {
    await cutUnderLoad(site, ledger, rng, round % 2 === 1);
    t.diagnostic(JSON.stringify({ ...site.postgres.disk.figures(), ...await ledger.judge(site.seats, SEATS) }));
    judgeJournal(site.postgres);
  }
  const figures = site.postgres.disk.figures();
  assert.ok(figures.syncs > 0 && figures.writes > figures.syncs);
});

test('a PostgreSQL that does not sync is found out: answered holds are missing after a cut', async (t) => {
  const rng = seededRng(t);
  const site = await openHall(openScope(t));
  site.postgres.sql('CHECKPOINT');
  site.postgres.sql('ALTER SYSTEM SET fsync = off');
  site.postgres.sql('SELECT pg_reload_conf()');
  await until('it not to sync', () => site.postgres.sql('SHOW fsync') === 'off');
  const ledger = new Ledger(site.seats, EVENT, rng);
  ledger.start(24);
  await until('some holds to be answered', () => (ledger.answers.get(201) ?? 0) >= 100);
  await site.postgres.powerCut({ keep: 0 });
  await site.seats.kill();
  await ledger.stop();
  await site.postgres.start();
  await site.seats.start();
  await untilOwner(site.seats);
  assert.ok(site.postgres.disk.figures().lost > 0);
  const missed = /was answered, now|a picture with \S+ held/;
  await assert.rejects(ledger.judge(site.seats, SEATS, { timeoutMs: 5000 }), missed);
});

for (const [what, settings, all] of [
  ['Redis', {}, false], // it syncs every second and loses the requests since then; the fronts remember them
  ['the whole waiting room', { appendfsync: 'always' }, true], // no front remembers: Redis syncs before it responds, as shipped
])
  // judges: place
  test(`the power of ${what} fails under load: no place is given twice, and every ticket stands`, async (t) => {
    const rng = seededRng(t);
    const scope = openScope(t);
    const disk = await openForgetfulDisk(scope);
    const site = await openShow(t, { rate_per_s: 50, burst: 50, max_active: 0, call_ttl_s: 600 }, { scope, fronts: 2, redis: { disk, settings } });
    const crowd = new Crowd(site, 8);
    for (let round = 0; round < ROUNDS; round += 1) {
      await crowd.untilPlaces(300);
      if (all) disk.cut();
      if (all) for (const front of site.fronts) await front.kill();
      await site.redis.powerCut(survivors(rng));
      await site.redis.start();
      t.diagnostic(`${await site.redis.command('GET', 'fg:{show}:seq')} of ${crowd.places.size} places were still known`);
      if (all) for (const front of site.fronts) await front.start();
      await crowd.untilPlaces(100);
    }
    await crowd.stop();
    await crowd.assertPlaces(site);
  });
