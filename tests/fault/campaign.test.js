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
import { tableOf } from './campaign/table.js';

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

test('the previous version has the first schema steps of this one, or could not be put back', (t) => {
  const commit = source('tests/fault/campaign/before').trim();
  const git = (...words) => spawnSync('git', ['-C', ROOT, ...words], { encoding: 'utf8' });
  if (git('cat-file', '-e', commit).status !== 0) return t.skip('there is no history here');
  const paths = ['seat-service/sql/', 'payment-adapter/sql/'];
  const steps = git('ls-tree', '--name-only', commit, ...paths).stdout.split('\n').filter((path) => /\/\d+_\w+\.sql$/.test(path));
  assert.deepEqual([...new Set(steps.map((step) => step.replace(/[^/]+$/, '')))].sort(), paths.toSorted());
  for (const step of steps)
    assert.ok(git('show', `${commit}:${step}`).stdout === source(step), `campaign/before: ${commit} has another ${step}`);
});

test('the table counts runs that were judged, and says how many were not', () => {
  const [{ name }] = faults;
  const bad = run(name, { found: { ...NONE, I2: ['money: 7'] } });
  const table = tableOf([run(name), bad, run(name, { hit: false }), { ...run(name), found: undefined, broken: 'no' }]);
  assert.deepEqual(table.split('\n').find((line) => line.startsWith(`${name}\t`)).split('\t').slice(1), ['2', '0', '1', '0', '0', '0', '0', '0', '0', '2', '4']);
  assert.equal(table.split('\n').filter((line) => line.includes('\t')).length, faults.length + 1);
});

test('each fault has a name of its own and says what it does', () => {
  assert.equal(new Set(faults.map(({ name }) => name)).size, faults.length);
  for (const { name, what, strike, lasts: [least, most] } of faults) assert.ok(what && strike && least <= most, name);
});
