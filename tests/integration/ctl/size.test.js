// fairgate size: its sums are those of loadtest/sim, from the same figures; what it names is enough in the simulation.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runBeside } from '../../lib-js/index.js';
import { FIGURES_C, header } from '../../../loadtest/sim/scale.js';
import { askOf } from '../../../loadtest/sim/whole/ask.js';
import { sizeOf } from '../../../loadtest/sim/whole/closed.js';
import { withSize } from '../../../loadtest/sim/whole/needed.js';
import { runSale } from '../../../loadtest/sim/whole/sale.js';
import { done, EXIT, refused } from './fairgate.js';

const size = (...words) => runBeside('fairgate', ['size', ...words], { env: { HOME: '/nowhere', FAIRGATE_PROFILES: undefined } });
const countOf = ({ parts }, name) => parts.find(({ part }) => part === name);

// visitors, placed within, come within, called, the rest.
const ASKS = [
  [1_000, 10, 1, 50], [100_000, 10, 1, 50], [400_000, 5, 2, 200], [1_000_000, 10, 1, 50], [1_000_000, 60, 30, 700, '--cdn'], [2_500_000, 20, 1, 50, '--edge-cores', '4', '--front-cores', '8'],
  [10_000_000, 10, 1, 50], [10_000_000, 600, 600, 1000], [10_000_000, 10, 1, 50, '--cdn'],
];

async function sized([visitors, placed, within, called, ...more]) {
  const words = ['--visitors', visitors, '--seats', 50_000, '--placed', placed, '--within', within, '--called', called, '--json', ...more];
  return JSON.parse(done(await size(...words.map(String))).stdout);
}

function askLike([visitors, , withinS, ratePerS, ...more]) {
  const after = (name, otherwise) => (more.includes(name) ? Number(more[more.indexOf(name) + 1]) : otherwise);
  return askOf({ visitors, withinS, ratePerS, cdn: more.includes('--cdn'), edgeCores: after('--edge-cores', 16), frontCores: after('--front-cores', 2) });
}

test('the figures in C are those of figures.json: otherwise make scale', () => {
  assert.equal(readFileSync(FIGURES_C, 'utf8'), header());
});

test('it adds up as the simulation\'s own sums do', async () => {
  for (const one of ASKS) {
    const got = await sized(one);
    const wanted = sizeOf(askLike(one), one[1]);
    assert.deepEqual(
      ['edge', 'queue-front', 'shard of Redis', 'payment-adapter'].map((name) => countOf(got, name).count),
      [wanted.edges, wanted.fronts, wanted.shards, wanted.pays], one.join(' '),
    );
    assert.deepEqual([countOf(got, 'edge').then, countOf(got, 'queue-front').then], [wanted.after.edges, wanted.after.fronts], one.join(' '));
    const least = Object.fromEntries(got.settings.map(({ setting, least: value }) => [setting, value]));
    assert.deepEqual(least, {
      rate_per_s: one[3], max_active: wanted.maxActive, 'psp.per_s': wanted.pspPerS, 'users.queries_per_s': wanted.usersPerS,
      maxconn: wanted.connections, LimitNOFILE: wanted.streams, ...(wanted.shards > 1 ? { shards: wanted.shards } : {}),
    });
    assert.equal(got.polls_per_s, Math.floor(wanted.pollsPerS));
    for (const { count, then } of got.parts) assert.ok(then <= count, one.join(' '));
  }
});

test('with what it names everybody has a place in the simulation, a quarter late at most', async () => {
  for (const one of ASKS) {
    const ask = withSize(askLike(one), sizeOf(askLike(one), one[1]));
    const { placedS } = runSale({ ...ask, to: 'place', horizonS: 3600 });
    assert.ok(placedS <= 1.25 * Math.max(one[1], one[2]) + 0.5, `${one.join(' ')}: ${placedS}`);
  }
});

test('a timetable uses the clock if the opening is given, seconds from it otherwise', async () => {
  const words = ['--visitors', '300000', '--seats', '20000'];
  const dated = JSON.parse(done(await size(...words, '--json', '--opens', '2027-05-01T20:00:00+09:00')).stdout);
  assert.deepEqual(dated.times.map(({ at_s: s }) => s), dated.times.map(({ at_s: s }) => s).sort((a, b) => a - b));
  for (const { at, at_s: s } of dated.times) assert.equal(Date.parse(at), Date.parse('2027-05-01T11:00:00Z') + s * 1000);
  assert.ok(dated.times[0].at_s < -900);
  const told = done(await size(...words)).stdout;
  for (const word of ['edge', 'queue-front', 'psp.per_s', 'the opening', 'P-256', 'SECONDS']) assert.ok(told.includes(word), word);
  assert.ok(!done(await size(...words, '--cdn')).stdout.includes('P-256'));
});

test('impossible sales are named, and what no number of machines can do', async () => {
  refused(await size('--visitors', '10'), EXIT.usage, /--seats/);
  refused(await size('--visitors', 'many', '--seats', '5'), EXIT.usage, /--visitors: a number from 1 to/);
  refused(await size('--visitors', '10', '--seats', '5', '--opens', 'noon'), EXIT.usage, /2027-05-01T11:00:00Z/);
  const far = await size('--visitors', '100000000', '--seats', '50000', '--json');
  assert.equal(far.status, EXIT.refused);
  assert.equal(JSON.parse(far.stdout).enough, false);
});
