// What the payment provider feels of us does not depend on how many processes we are: three adapters call it as often as
// one may, and those that are left when one dies have all of the pace. Judged by the provider's own record.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const scope = openScope(test);

const PER_S = 20;
const BURST = PER_S / 4;
const TRUST = 6; // of each process: a sixteenth, six at least
const ADAPTERS = 3;
const ORDERS = 40; // nobody pays them, so each is asked after two or three times a second, if it may

const world = await openWorld(scope, { psp: { per_s: PER_S }, saga: { lease: '2s' } });
const adapters = [world.pay];
while (adapters.length < ADAPTERS) adapters.push(await world.startPay({ saga: { instance: `adapter-${adapters.length}` } }));
const buyer = await until('a login', () => world.login());
const beganAt = Date.now();
await Promise.all(Array.from({ length: ORDERS }, () => {
  const held = world.hold();
  return until('an order', async () => [200, 201, 202].includes((await world.order(buyer, held)).status), { everyMs: 500 }); // by its key it is one
}));

const calls = () => world.psp.calls;
const callsOf = async (pay) => (await pay.metrics()).get('fairgate_psp_calls_total') ?? 0;

// No moment has seen more calls than could have been paid for since it all began. (Calls arrive a little after they
// leave, never before: so a slow machine makes this easier, not harder.)
function assertPaid() {
  const free = BURST + ADAPTERS * (TRUST + 2); // a try may make two calls more than it asked for
  for (const [i, { at }] of calls().entries())
    assert.ok(i + 1 <= free + (PER_S * (at - beganAt)) / 1000, `${i + 1} calls ${at - beganAt} ms after the first could be made`);
}

// From now on there comes a stretch in which the provider is called as fast as it may be, nearly.
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
