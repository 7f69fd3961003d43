// A whole sale in simulation: people are whole and all end somewhere; more capacity is never worse; the results agree with
// sums where these apply; and the tables of infra/SCALE.md are its current output.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../lib-js/index.js';
import { filled } from '../../../loadtest/sim/scale.js';
import { askOf } from '../../../loadtest/sim/whole/ask.js';
import { placedS, waitingUs } from '../../../loadtest/sim/whole/closed.js';
import { BASES, figures } from '../../../loadtest/sim/whole/figures.js';
import { heldAgainst } from '../../../loadtest/sim/whole/held.js';
import { neededFor } from '../../../loadtest/sim/whole/needed.js';
import { POLL } from '../../../loadtest/sim/whole/poll.js';
import { runSale } from '../../../loadtest/sim/whole/sale.js';

const text = (path) => readFileSync(join(ROOT, path), 'utf8');
const sale = (changes) => runSale(askOf({ visitors: 20_000, seats: 2_000, ...changes }));
const sumOf = (all) => Object.values(all).reduce((sum, one) => sum + one, 0);
const near = (got, wanted, share) => assert.ok(Math.abs(got - wanted) <= share * wanted, `${got} is not within ${share} of ${wanted}`);

test('the same seed gives the same sale, another seed another one', () => {
  assert.deepEqual(sale({ seed: 7 }), sale({ seed: 7 }));
  assert.notDeepEqual(sale({ seed: 7 }).ends, sale({ seed: 8 }).ends);
});

test('everybody ends somewhere or is still there, and so does every seat', () => {
  const odd = [
    {}, { horizonS: 40 }, { edges: 1, edgeCores: 1 }, { edges: 1, edgeCores: 1, backlog: 1e9 }, { fronts: 1, frontCores: 1, visitors: 300_000, arrivals: 'spike' },
    { cdn: true, shards: 4 }, { seats: 7 }, { seats: 1_000_000, ratePerS: 500 }, { maxActive: 20 }, { people: { cardFails: 1 } }, { people: { noShow: 1 }, horizonS: 60 },
    { people: { seatsEach: 3.5, popularity: 100 } }, { people: { leavePerHour: 3600 } }, { figures: { psp_calls_per_s: 2 } }, { withinS: 300, arrivals: 'wave' },
  ];
  for (const changes of odd) {
    const got = sale(changes);
    const ask = askOf({ visitors: 20_000, seats: 2_000, ...changes });
    assert.equal(sumOf(got.ends) + got.still, ask.visitors, JSON.stringify(changes));
    assert.ok(got.sold >= 0 && got.held >= 0 && got.sold + got.held <= ask.seats, JSON.stringify(changes));
    for (const [name, n] of Object.entries(got.ends)) assert.ok(Number.isInteger(n) && n >= 0, `${JSON.stringify(changes)}: ${name} ${n}`);
    if (got.soldOutS !== undefined) assert.equal(got.sold, ask.seats);
  }
});

// Random draws differ in another sale, so a tolerance of a step and a little more is allowed.
test('more machines of any kind never make waits longer', () => {
  for (const [name, steps] of [['edges', [1, 2, 4, 8]], ['fronts', [2, 4, 8, 16]], ['shards', [2, 4, 8, 16]]]) {
    const waits = steps.map((n) => sale({ visitors: 2_000_000, edges: 8, fronts: 16, shards: 8, to: 'place', horizonS: 900, [name]: n }).placedS ?? Infinity);
    for (let i = 1; i < waits.length; i++) assert.ok(waits[i] <= waits[i - 1] * 1.02 + 0.2, `${name}: ${waits}`);
  }
});

test('with a faster provider or more calls most of the hall is sold sooner', () => {
  const nearly = (changes) => sale(changes).nearlyS;
  const times = [5, 20, 80, 320].map((n) => nearly({ figures: { psp_calls_per_s: n } }));
  for (let i = 1; i < times.length; i++) assert.ok(times[i] <= times[i - 1] * 1.02 + 1, `${times}`);
  assert.ok(times[3] < times[0], `${times}`);
  assert.ok(nearly({ ratePerS: 5 }) > nearly({ figures: { psp_calls_per_s: 320 } }));
});

// One station without pauses, with all work there at once: the last visitor waits for all of it, the median for half.
test('with one bottleneck, waits equal those of an evenly served line', () => {
  const only = { edges: 40, edgeConnections: 1e7, edgeGb: 1e4, fronts: 400, shards: 16, withinS: 0.1, to: 'place', visitors: 5_000_000, ratePerS: 1, joinWaitS: Infinity, gigabits: 1000, people: { reloadS: 1000, streams: 0, leavePerHour: 3600 } };
  const narrow = [{ edges: 4 }, { fronts: 4, cdn: true }, { shards: 1, fronts: 20, cdn: true }];
  for (const changes of narrow) {
    const ask = askOf({ ...only, ...changes });
    const got = runSale(ask);
    const wanted = placedS(ask).s;
    near(got.placedS, wanted, 0.06);
    near(got.waits.place.p50, wanted / 2, 0.08);
  }
});

test('polls are those of the service, and as many as the integral says', () => {
  const header = text('queue-front/src/core/wait/poll.h');
  const constant = (name) => Number(new RegExp(`${name} = (\\d+)`).exec(header)[1]);
  assert.deepEqual(POLL, { nearMs: constant('POLL_NEAR_MS'), farMs: constant('POLL_FAR_MS'), jitterPercent: constant('POLL_JITTER_PERCENT') });
  for (const [visitors, rate] of [[100_000, 50], [1_000_000, 50], [10_000_000, 200]]) {
    const integral = (rate * (2.5 + 2.5 * Math.log(15))) / 0.9 + (visitors - 75 * rate) / 27;
    near(waitingUs(askOf({ visitors, ratePerS: rate })).polls, integral, 0.01);
  }
});

test('a line of polling pages agrees with the closed-form sums', () => {
  const ask = askOf({ visitors: 1_000_000, edges: 2, fronts: 3, gigabits: 100, people: { reloadS: 1000, streams: 0, leavePerHour: 0, reconnect: 0 } });
  const line = runSale(ask);
  near(line.placedS, placedS(ask).s, 0.05);
  near(line.peaks.pollsPerS, waitingUs(ask).polls, 0.02);
});

test('the simulation agrees with the measured runs of three scenarios', () => {
  const compared = heldAgainst().filter(([, , simulated, measured]) => /^[\d,.]+( \D*)?$/.test(simulated) && /^[\d,.]+( \w+)?$/.test(measured));
  assert.ok(compared.length >= 8);
  const number = (cell) => Number.parseFloat(cell.replaceAll(',', ''));
  for (const [scenario, what, simulated, measured] of compared) assert.ok(Math.abs(number(simulated) - number(measured)) <= 0.12 * number(measured), `${scenario}: ${what}: ${simulated}, ${measured}`);
});

test('reloads are expensive only with an unlimited backlog', () => {
  const one = { visitors: 1_000_000, edges: 1, fronts: 36, to: 'place', horizonS: 3000 };
  const bounded = sale(one);
  const open = sale({ ...one, backlog: 1e9 });
  assert.ok(open.placedS > 2 * bounded.placedS, `${open.placedS} and ${bounded.placedS}`);
  assert.ok(open.ends.neverSawThePage > bounded.ends.neverSawThePage);
  assert.ok(open.counts.deadHandshakes > 100 * Math.max(1, bounded.counts.deadHandshakes));
});

test('the machines that it names are enough, and a third fewer are not', () => {
  const { ask, missed } = neededFor(askOf({ visitors: 3_000_000, seats: 2_000 }), 10);
  assert.ok(!missed);
  assert.ok(runSale({ ...ask, to: 'place' }).placedS <= 10.3);
  const fewer = runSale({ ...ask, edges: Math.floor((ask.edges * 2) / 3), to: 'place' });
  assert.ok(fewer.placedS > 10.3, `${fewer.placedS}`);
});

test('each figure has its basis and a source that is there, and settings are those of the program', () => {
  const settings = text('payment-adapter/src/settings.c');
  const edge = text('infra/edge/haproxy.cfg');
  const delivered = (name, [section, key] = name.split('.')) =>
    (key === undefined ? new RegExp(`presetenv ${name} (\\d+)`).exec(edge) : new RegExp(`\\{"${section}", "${key}", CONFIG_U64, AT\\(\\w+\\), "(\\d+)"`).exec(settings))[1];
  for (const { name, basis, source } of figures()) {
    assert.ok(BASES.includes(basis), name);
    assert.ok(source.length > 10, name);
    const [path] = /^[a-z][\w/-]*\.md/.exec(source) ?? [];
    if (basis === 'measured') assert.ok(path === undefined ? existsSync(join(ROOT, source.split(':')[0])) : existsSync(join(ROOT, path)), `${name}: ${source}`);
  }
  for (const { name, value, source } of figures().filter(({ basis }) => basis === 'setting')) {
    const [, setting] = /: ([\w.]+)$/.exec(source);
    assert.equal(value, Number(delivered(setting)), name);
  }
});

test('the tables of SCALE.md are what the simulation says: otherwise make scale', () => {
  const now = text('infra/SCALE.md');
  assert.equal(now, filled(now));
});

test('the command tells one sale in words and as JSON, and what it does not know', () => {
  const scale = (...words) => spawnSync('node', [join(ROOT, 'loadtest/sim/scale.js'), ...words], { encoding: 'utf8' });
  const words = ['--visitors', '30000', '--seats', '500', '--people.reload-s', '5'];
  const json = JSON.parse(scale(...words, '--json').stdout);
  assert.equal(json.ask.visitors, 30_000);
  assert.equal(json.ask.people.reloadS, 5);
  assert.match(scale(...words).stdout, /all have a place +after/);
  for (const wrong of [['--robots', '3'], ['--visitors', 'many'], ['--visitors']]) {
    const { status, stderr } = scale(...wrong);
    assert.equal(status, 2, wrong.join(' '));
    assert.match(stderr, /^scale: --/);
  }
  for (const line of scale('--names').stdout.trim().split('\n').slice(0, 5)) assert.match(line, /^--[a-z.-]+ \S+$/);
});
