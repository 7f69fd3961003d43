// Checks the campaign's own bookkeeping: every finding belongs to an invariant, and the table counts what was checked.
// (The campaign itself is `make faults`.)

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ROOT } from '../lib-js/service.js';
import { faults } from './campaign/faults.js';
import { EXPECTED, INVARIANTS, invariantFor } from './campaign/judge.js';
import { readTable, tableOf, withRuns } from './campaign/table.js';

const source = (path) => readFileSync(join(ROOT, path), 'utf8');
const NONE = Object.fromEntries(Object.keys(INVARIANTS).map((name) => [name, []]));
const run = (fault, more) => ({ fault, seed: 1, at: '2026-01-02T03:04:05Z', commit: 'abc', found: NONE, hit: true, restMs: 4000, ...more });

test('what a judge can find belongs to an invariant', () => {
  const kinds = [...source('loadtest/judge/rules.js').matchAll(/\b(?:find|least|most)\('([a-z-]+)', /g)];
  const books = source('loadtest/lib/audit.js').matchAll(/#must\([^\n]*?[`']([a-z-]+): /g);
  const checker = ['money', 'places', 'seats'].flatMap((name) => [...source(`tests/history/${name}.js`).matchAll(/(?:finding\('I\d', |finding\(|\['I\d', |kind: )'([a-z-]+)'/g)]);
  const names = [...new Set([...kinds, ...books, ...checker].map(([, name]) => name))];
  assert.ok(kinds.length > 14 && checker.length > 20, `${kinds.length} kinds, ${checker.length} of the checker`);
  for (const name of names.filter((kind) => !EXPECTED.includes(kind)))
    assert.ok(invariantFor(`${name}: seat 7`) in INVARIANTS, name);
  assert.throws(() => invariantFor('something-new: 7'), /no invariant/);
});

test('the previous version has the schema steps of this one, or could not be put back', (t) => {
  const commit = source('tests/fault/campaign/before').trim();
  const git = (...words) => spawnSync('git', ['-C', ROOT, ...words], { encoding: 'utf8' });
  if (git('cat-file', '-e', commit).status !== 0) return t.skip('there is no history here');
  for (const step of ['seat-service/sql/001_seats.sql', 'payment-adapter/sql/001_pay.sql'])
    assert.ok(git('show', `${commit}:${step}`).stdout === source(step), `campaign/before: ${commit} has another ${step}`);
});

test('the table counts runs that were judged, and says how many were not', () => {
  const [{ name }] = faults;
  const bad = run(name, { found: { ...NONE, I2: ['money: 7'] } });
  const table = tableOf([run(name), bad, run(name, { hit: false }), { ...run(name), found: undefined, broken: 'no' }]);
  assert.deepEqual(table.split('\n').find((line) => line.startsWith(`${name}\t`)).split('\t').slice(1), ['2', '0', '1', '0', '0', '0', '0', '0', '0', '2', '4']);
  assert.equal(table.split('\n').filter((line) => line.includes('\t')).length, faults.length + 1);
});

test('runs are added to those that a table counted', () => {
  const bad = { ...NONE, I4: ['no-end: 7'], alive: ['died: x'] };
  const earlier = faults.flatMap(({ name }, i) => Array.from({ length: 1 + i % 3 }, () => run(name, i % 4 === 1 ? { found: bad, restMs: 9000 } : {})));
  const later = [run(faults[1].name, { at: '2026-02-03T04:05:06Z', commit: 'def', found: bad }), run(faults[2].name, { hit: false }), run(faults[3].name, { restMs: 12_000 })];
  assert.equal(tableOf(later, readTable(tableOf(earlier))), tableOf([...earlier, ...later]));
  assert.equal(tableOf([], readTable(source('tests/fault/campaign/runs.tsv'))), source('tests/fault/campaign/runs.tsv'));
  assert.throws(() => readTable('nothing'), /no table/);
});

test('a run is added to the table that is kept once, even if a campaign dies while adding it', () => {
  const [one, other] = faults.map(({ name }) => name);
  const empty = tableOf([run(one)]);
  const list = [run(one, { at: '2026-02-03T04:05:06.007Z' }), run(other)];
  const kept = withRuns(empty, list);
  assert.equal(withRuns(kept, list), kept, 'nobody knows whether it was written');
  assert.deepEqual(readTable(kept).rows, readTable(tableOf([run(one), ...list])).rows);
  const longer = withRuns(kept, [...list, run(other)]);
  assert.deepEqual(readTable(longer).rows, readTable(tableOf([run(one), ...list, run(other)])).rows);
  const another = Array.from({ length: 2 }, () => run(other, { at: '2026-02-03T04:05:06.008Z' }));
  const both = withRuns(withRuns(longer, another), [...list, run(other)]);
  assert.deepEqual(readTable(both).rows, readTable(tableOf([run(one), ...list, run(other), ...another])).rows, 'another tree adds its own');
  assert.equal(withRuns(both, []), both);
  const marked = withRuns(empty, [run(one, { kept: true }), run(other)]);
  assert.deepEqual(readTable(marked).rows, readTable(tableOf([run(one), run(other)])).rows, 'as runs were marked before');
});

test('each fault has a name of its own and says what it does', () => {
  assert.equal(new Set(faults.map(({ name }) => name)).size, faults.length);
  for (const { name, what, strike, lasts: [least, most] } of faults) assert.ok(what && strike && least <= most, name);
});
