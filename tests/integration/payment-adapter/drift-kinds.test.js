// Every kind of drift is one row of saga/drift_words.c. The statements that find it, the contract and the
// console's texts are held against that list.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { load } from 'js-yaml';
import { ROOT } from '../../lib-js/index.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const found = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);
const kinds = found(read('payment-adapter/src/saga/drift_words.c'), /^ {4}\{"([a-z-]+)",/gm).sort();

test('the list has each kind once', () => {
  assert.ok(kinds.length > 20);
  assert.equal(new Set(kinds).size, kinds.length);
});

test('the statements find these kinds and no others', () => {
  const [, drift] = read('payment-adapter/sql/statements/reconcile.sql').split('-- statement: reconcile_drift\n');
  const compared = drift.split('-- statement: reconcile_events_sold\n')[0];
  assert.deepEqual(found(compared, /\b(?:SELECT|THEN|ELSE)\s+'([a-z-]+)'/g).sort(), kinds);
});

test('the contract names them', () => {
  const { items } = load(read('payment-adapter/openapi.yaml')).components.schemas.Differences;
  assert.deepEqual([...items.properties.kind.enum].sort(), kinds);
});

for (const language of ['en', 'ko']) {
  test(`the console has a name, a meaning and an advice for each: ${language}`, () => {
    const text = read(`web/console/console.${language}`);
    for (const of of ['kind', 'means', 'todo']) {
      assert.deepEqual(found(text, new RegExp(`^drift\\.${of}\\.([a-z-]+) = `, 'gm')).sort(), kinds, of);
    }
  });
}
