// The load on the payment provider does not depend on the number of our processes: three adapters call it as often as one
// may, and if one dies the others get the whole rate. Measured in the provider's own record.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const scope = openScope(test);

const PER_S = 20;
const BURST = PER_S / 4;
const TRUST = 6; // per process: a sixteenth, at least six
const ADAPTERS = 3;
const ORDERS = 40; // nobody pays them, so each is polled two or three times a second if the rate allows it

const world = await openWorld(scope, { psp: { per_s: PER_S }, saga: { lease: '2s' } });
const adapters = [world.pay];
while (adapters.length < ADAPTERS) adapters.push(await world.startPay({ saga: { instance: `adapter-${adapters.length}` } }));
const buyer = await until('a login', () => world.login());
const beganAt = Date.now();
await Promise.all(Array.from({ length: ORDERS }, () => {
  const held = world.hold();
  return until('an order', async () => [200, 201, 202].includes((await world.order(buyer, held)).status), { everyMs: 500 }); // the key makes it one order
}));

const calls = () => world.psp.calls;
const callsOf = async (pay) => (await pay.metrics()).get('fairgate_psp_calls_total') ?? 0;

// At no time have there been more calls than the rate allowed since the start. (Calls arrive a little after they are sent,
// never before: a slow machine makes this easier, not harder.)
function assertPaid() {
  const free = BURST + ADAPTERS * (TRUST + 2); // an attempt may make two calls more than it reserved
  for (const [i, { at }] of calls().entries())
    assert.ok(i + 1 <= free + (PER_S * (at - beganAt)) / 1000, `${i + 1} calls ${at - beganAt} ms after the first could be made`);
}

// Waits for a stretch in which the provider is called at almost the full rate.
async function untilAllOfThePace() {
  const STRETCH = 3 * PER_S;
  const from = calls().length;
  await until('a stretch at the whole pace', () => {
    const times = calls().slice(from).map(({ at }) => at);
    return times.some((at, i) => i >= STRETCH && at - times[i - STRETCH] <= (1.2 * 1000 * STRETCH) / PER_S);
  }, { timeoutMs: 120_000 });
}

test('three adapters call the provider at the pace of one, and each of them does', async () => {
  await untilAllOfThePace();
  for (const pay of adapters) await until('each to call', async () => (await callsOf(pay)) >= 10);
  assertPaid();
});

test('when one is killed, the others have all of the pace', async () => {
  await adapters[2].kill();
  await untilAllOfThePace();
  assertPaid();
});

test('and so has the last one', async () => {
  await adapters[1].kill();
  await untilAllOfThePace();
  assertPaid();
});
