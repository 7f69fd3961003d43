// A machine runs out of open files for each service. Requests that need more are refused, running ones continue, and
// service is normal again as soon as there are enough.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import test from 'node:test';
import { openScope, until } from '../lib-js/index.js';
import { openWorld } from '../integration/payment-adapter/lib/world.js';
import { openShow, Visitor } from '../integration/queue-front/support.js';
import { openSale, visitor } from '../integration/seat-service/site.js';

const SPARE = 8;

// Allows this process only a few more files, and opens connections that use them up.
async function runOut(scope, service) {
  const { pid } = service.child;
  const open = () => readdirSync(`/proc/${pid}/fd`).length;
  const limit = open() + SPARE;
  const give = (n) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${n}:`]);
  give(limit);
  const idle = Array.from({ length: 4 * SPARE }, () => net.connect(service.port, '127.0.0.1').on('error', () => {}));
  scope.defer(() => idle.forEach((socket) => socket.destroy()));
  await until('all files to be taken', () => open() >= limit);
  return () => {
    for (const socket of idle) socket.destroy();
    give(1024);
  };
}

test('no file is left in the seat service: when there are some again it reaches its database and sells', async (t) => {
  const { scope, postgres, seats } = await openSale(t, ['scarce']);
  const before = await visitor(seats, 'scarce').hold({ seats: ['r1s1', 'r1s2'] });
  assert.equal(before.status, 201);
  const release = await runOut(scope, seats);
  postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fairgate seat-service%'", 'seats');
  release();
  await until('a hold', async () => (await visitor(seats, 'scarce').hold({ seats: ['r2s1', 'r2s2'] })).status === 201, { timeoutMs: 60_000 });
  assert.equal((await visitor(seats, 'scarce').hold({ seats: ['r1s1', 'r1s2'] })).status, 409, 'what was held is held');
});

test('no file is left in the waiting room: when there are some again it reaches Redis and gives places', async (t) => {
  const site = await openShow(t, { rate_per_s: 50, burst: 50, max_active: 0, call_ttl_s: 600 });
  const early = new Visitor(site.front, 'show');
  const { position } = await early.joined();
  const release = await runOut(site.scope, site.front);
  await site.redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  release();
  const late = await until('a place', async () => {
    const answer = await new Visitor(site.front, 'show').join();
    return answer.status === 201 && answer.json;
  }, { timeoutMs: 60_000 });
  assert.ok(late.position > position);
  assert.equal((await early.me()).json.position, position);
});

test('no file is left in the payment adapter: when there are some again it finishes what was ordered', async (t) => {
  const scope = openScope(t);
  const world = await openWorld(scope, { mail: { url: '' } });
  world.psp.autoPay = true;
  const buyer = await world.login();
  const ask = (visit) => buyer.post('/v1/pay/orders', { event: 'gala', hold: visit.hold }, { authorization: `Bearer ${visit.pass}`, 'idempotency-key': `k-${visit.hold}` });
  const first = world.hold();
  assert.equal((await ask(first)).status, 201);
  const release = await runOut(scope, world.pay);
  world.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pay' AND pid <> pg_backend_pid()", 'pay');
  release();
  const second = world.hold();
  await until('a further order', async () => [200, 201].includes((await ask(second)).status), { timeoutMs: 60_000 });
  const settled = await world.settle(60_000);
  assert.equal(settled.length, 2);
  assert.equal(world.psp.captures, 2);
});
