// sale.js: an event in a whole Fairgate of containers, and a few visitors who go from the line to a ticket.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Visitors } from '../../infra/ha/visitors.js';
import { client, ROOT, until } from '../lib-js/index.js';

export const EVENT = 'demo';

// A seat-service process that owns no event is not ready (503), but reports the role standby.
const isReady = (answer) => answer?.status === 200 || answer?.json?.role === 'standby';

// ports: edge, and the private listeners queue, seats, pay.
export async function openSale({ ports, admin, name, event = EVENT }) {
  for (const service of ['queue', 'seats', 'pay'])
    await until(`${service} to be ready`, async () => isReady(await client({ port: ports[service] }).get('/readyz').catch(() => null)), { timeoutMs: 180_000, everyMs: 200 });
  const hall = JSON.parse(execFileSync(join(ROOT, 'infra/demo/halls/halls.js'), ['arena'], { encoding: 'utf8', maxBuffer: 1 << 26 }));
  Object.assign(hall.limits, { max_per_buyer: 0, orphan_rule: false });
  const imported = await admin('seats').put(`/admin/events/${event}`, { body: hall });
  assert.ok([201, 421].includes(imported.status), imported.text); // 421: the event exists, and another process owns it
  assert.equal((await admin('queue').put(`/admin/events/${event}`, { body: { name, rate_per_s: 50, burst: 50, max_active: 0, joins_per_ip_per_min: 10_000, seats_left: true } })).status, 201);
  assert.equal((await admin('queue').post(`/admin/events/${event}/actions/open`, { body: {} })).status, 200);
  await untilKnown(client({ port: ports.edge }), event);
}

// Each loop of a front discovers a new event by itself, so ask often enough to reach all loops.
export const untilKnown = (page, event) => until('the edge to have found the services, and all loops the event', async () => {
  const seen = await Promise.all(Array.from({ length: 20 }, () => page.get(`/v1/queue/${event}/status`).catch(() => null)));
  return seen.every((answer) => answer?.status === 200);
}, { timeoutMs: 60_000, everyMs: 200 });

// users: the file with the shop's customers, which may not exist yet. Returns once some have tickets and all books agree.
export async function walkThrough({ ports, admin, users, event = EVENT }) {
  const known = await until('the shop to have customers', () => existsSync(users) && JSON.parse(readFileSync(users, 'utf8')), { timeoutMs: 120_000, everyMs: 200 });
  const visitors = new Visitors({ visitors: { host: '127.0.0.1', port: ports.edge }, event, users: () => known });
  visitors.come({ poll: 1, join: 0, picture: 1, hold: 1, buy: 2 });
  await until('some to have tickets', () => visitors.bought.length >= 4 || visitors.findings.length > 0, { timeoutMs: 180_000, everyMs: 100 }).finally(() => visitors.go());
  assert.deepEqual(visitors.findings, []);
  await until('the waiting room to know how many seats are free', async () =>
    (await admin('queue').get(`/admin/events?id=${event}`)).json?.events[0].live.seats_left > 0, { timeoutMs: 60_000, everyMs: 500 });
  await until('the shop to have the orders', async () => {
    const { json } = await admin('pay').post('/admin/reconcile', { timeoutMs: 60_000 });
    return json?.not_reached.length === 0 && json.items.length === 0;
  }, { timeoutMs: 120_000, everyMs: 500 });
}
