// Tests the ledger that checks the other tests of this folder: does it detect violations?

import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRng, until } from '../../lib-js/index.js';
import { hall, openSale, visitor } from '../../integration/seat-service/site.js';
import { Ledger } from './ledger.js';

const EVENT = 'ledger-night';

test('a seat that is held for nobody is found, however many connections were refused', async (t) => {
  const rng = seededRng(t);
  const { seats } = await openSale(t, [EVENT], { document: hall({ limits: { orphan_rule: false } }) });
  const ledger = new Ledger(seats, EVENT, rng);
  await assert.rejects(ledger.judge(seats, 100), /nothing to judge/);
  ledger.start(2);
  await until('a hold', () => ledger.answers.get(201) > 0);
  await seats.kill();
  await until('many to be refused', () => ledger.refused > 20);
  await ledger.stop();
  await seats.start();
  const { perhaps } = await ledger.judge(seats, 100);
  assert.ok(perhaps <= 2 * 2 * 4, `one request of each, and one over the connection that it left: ${perhaps}`);
  const phantom = visitor(seats, EVENT);
  for (let taken = 0; taken <= perhaps; taken += 1)
    assert.equal((await phantom.hold({ best_available: { quantity: 1, adjacent: false } })).status, 201);
  await assert.rejects(ledger.judge(seats, 100, { timeoutMs: 1000 }), /are held, .* were answered/);
});
