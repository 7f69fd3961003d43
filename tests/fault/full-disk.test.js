// The disk is full: a small one of its own, filled to the last byte under load; or the memory of Redis. Writes that do not
// fit are refused, acknowledged ones survive, and everything continues once there is room again.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, delay, openScope, openSmallDisk, seededRng, until } from '../lib-js/index.js';
import { openWorld } from '../integration/payment-adapter/lib/world.js';
import { Crowd } from '../integration/queue-front/crowd.js';
import { makeEvent, openSite, Visitor } from '../integration/queue-front/support.js';
import { hall, importHall, openPostgres, openSeats, untilOwner } from '../integration/seat-service/site.js';
import { judgeJournal, Ledger } from './seat-service/ledger.js';

const EVENT = 'full-night';
const SIZE = { rows: 50, seatsPerRow: 40 };
const SEATS = SIZE.rows * SIZE.seatsPerRow;
const SMALL_MB = 192;
const SMALL_LOG = { min_wal_size: '32MB', max_wal_size: '32MB' };

// A server whose log cannot grow exits; its supervisor restarts it.
async function makeRoom(disk, postgres) {
  disk.empty();
  if (postgres.trySql('SELECT 1').status === 0) return;
  await postgres.kill();
  await postgres.start();
}

test('the disk of PostgreSQL is full: holds are refused, none that was answered is lost, and it is over with the room', async (t) => {
  const rng = seededRng(t);
  const scope = openScope(t);
  const disk = openSmallDisk(scope, SMALL_MB);
  const postgres = await openPostgres(scope, SMALL_LOG, disk);
  const seats = await openSeats(scope, postgres);
  await importHall(seats, EVENT, hall({ ...SIZE, limits: { orphan_rule: false } }));
  const ledger = new Ledger(seats, EVENT, rng);
  for (let round = 0; round < 2; round += 1) {
    const count = (status) => ledger.answers.get(status) ?? 0;
    const before = { held: count(201), refused: count(503) };
    ledger.start(24);
    try {
      await until('holds to be answered', () => count(201) > before.held + 50);
      disk.fill();
      await until('holds to be refused', () => count(503) > before.refused + 20, { timeoutMs: 60_000 });
      await makeRoom(disk, postgres);
      await untilOwner(seats);
      const then = count(201);
      await until('holds to be answered again', () => count(201) > then + 50, { timeoutMs: 60_000 });
    } finally {
      await ledger.stop();
    }
    t.diagnostic(JSON.stringify(await ledger.judge(seats, SEATS)));
    judgeJournal(postgres);
  }
});

test('the disk of PostgreSQL is full: orders are refused or finished later, and each is paid once', async (t) => {
  const scope = openScope(t);
  const disk = openSmallDisk(scope, SMALL_MB);
  const world = await openWorld(scope, {
    disk, postgres: SMALL_LOG, saga: { lease: '2s', idle: '50ms', poll: '200ms', poll_max: '400ms' }, mail: { url: '' },
  });
  world.psp.autoPay = true;
  const buyer = await world.login();
  const asked = new Map();
  const ask = async (visit) => {
    const answer = await buyer.post('/v1/pay/orders', { event: 'gala', hold: visit.hold }, { authorization: `Bearer ${visit.pass}`, 'idempotency-key': `k-${visit.hold}` });
    if (answer.status === 201 || answer.status === 200) asked.set(visit.hold, answer.json.order);
    return answer;
  };
  const visits = Array.from({ length: 12 }, () => world.hold());
  for (const visit of visits.slice(0, 4)) assert.equal((await ask(visit)).status, 201);
  disk.fill();
  await until('an order to be refused', async () => {
    const answer = await ask(world.hold());
    if (answer.status !== 503) return false;
    assertProblem(answer, 503, answer.json.code);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    return true;
  }, { timeoutMs: 60_000, everyMs: 5 });
  await makeRoom(disk, world.postgres);
  await world.pay.untilReady();
  for (const visit of visits) await until('the order', async () => [200, 201].includes((await ask(visit)).status), { timeoutMs: 60_000 });
  for (const order of asked.values())
    await until(`${order} to be completed`, async () => (await buyer.get(`/v1/pay/orders/${order}`)).json?.status === 'completed', { timeoutMs: 60_000 });
  await world.settle(60_000);
  assert.equal(world.psp.captures, asked.size);
});

for (const [what, settings] of [['memory', {}], ...['everysec', 'always'].map((appendfsync) => [`disk (appendfsync ${appendfsync})`, { appendfsync }])])
  test(`the ${what} of Redis is full: joins are refused, polls go on, no place is lost`, async (t) => {
    const scope = openScope(t);
    const disk = what === 'memory' ? null : openSmallDisk(scope, 16);
    const site = await openSite(t, { scope, fronts: 2, redis: { disk, settings } });
    const memory = (most) => site.redis.command('CONFIG', 'SET', 'maxmemory', most);
    await makeEvent(site, 'show', { rate_per_s: 50, burst: 50, max_active: 0, call_ttl_s: 600 });
    const early = new Visitor(site.front, 'show');
    const { position } = await early.joined();
    const crowd = await Crowd.begun(100, site, 8);
    await (disk ? disk.fill() : memory('1kb'));
    await until('a join to be refused', async () => {
      const answer = await new Visitor(site.front, 'show').join();
      if (answer.status !== 503) return false;
      assert.ok(Number(answer.headers['retry-after']) > 0);
      return true;
    }, { timeoutMs: 60_000 });
    const me = await early.me();
    assert.equal(me.status, 200, me.text);
    assert.equal(me.json.position, position);
    await (disk ? disk.empty() : memory('0'));
    // With `always` it exits; its supervisor restarts it.
    const places = crowd.untilPlaces(100);
    let waits = true;
    places.catch(() => {}).finally(() => { waits = false; });
    while (waits) {
      if (!site.redis.child.running) await site.redis.start();
      await delay(50);
    }
    await places;
    await crowd.stop();
    await crowd.assertPlaces(site);
  });
