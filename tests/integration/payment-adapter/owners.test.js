// Several processes of seat-service share the events. The adapter knows the address of one, and finds each event through the
// registry: for a hold, for each step of a saga, for the list of sold seats.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { hall, openProcesses, operator, opens, ROLE, untilOwnedBy, visitor } from '../seat-service/site.js';
import { besideWorld, EVENT, openWorld } from './lib/world.js';

// The adapter calls the first process; the second owns the event.
const scope = openScope(test);
let first, second;
const world = await openWorld(scope, {
  mail: { url: '' },
  async before(opening) {
    const { postgres, ...keys } = besideWorld(opening, ROLE);
    const both = await openProcesses(scope, postgres, 2, () => keys);
    [first, second] = both;
    for (const [event, owner] of [['another', first], [EVENT, second]]) {
      await operator(first, event).import(hall({ limits: { orphan_rule: false } }));
      await untilOwnedBy(owner, both, event);
    }
    opening.options.seats = { url: `http://127.0.0.1:${first.port}`, internal_url: `http://127.0.0.1:${first.privatePort}` };
  },
});
const buyer = await world.login();
let visits = 0;

async function order(seats) {
  const visit = visitor(seats, EVENT, { session: `visit-${(visits += 1)}` });
  const { hold } = (await visit.hold({ best_available: { quantity: 2 } })).json;
  const made = await until('the order to be taken', async () => {
    const answer = await world.order(buyer, { hold, pass: visit.token });
    return answer.status !== 503 && answer;
  });
  assert.equal(made.status, 201, made.text);
  return made.json.order;
}

test('orders of an event that another process owns are taken, paid and compared', async () => {
  const paid = await order(second);
  // A new process does not know what the previous one had learnt.
  await world.pay.restart();
  await until('the payment to exist', () => world.psp.of(paid).length > 0);
  await world.paid(buyer, paid);
  await world.pay.restart();
  await world.assertAgreed(paid);
});

test('when the owner dies the next one is found, for what was begun and for what is new', async () => {
  const begun = await order(second);
  await until('the payment to exist', () => world.psp.of(begun).length > 0);
  await second.kill();
  await world.payOrder(begun);
  await until('the first to have it', () => opens(first, EVENT));
  await world.untilStatus(buyer, begun, 'completed');
  const fresh = await order(first);
  await until('the payment to exist', () => world.psp.of(fresh).length > 0);
  await world.paid(buyer, fresh);
  assert.deepEqual(await world.reconciled(), []);
});
