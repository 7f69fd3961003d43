// Every kind of drift is one row of saga/drift_words.c. The statements that find it, the contract and the console's texts
// are compared with that list.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { load } from 'js-yaml';
import { ROOT } from '../../lib-js/index.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const found = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);
const WORDS = read('payment-adapter/src/saga/drift_words.c').replace(/"\s+"/g, '');
const kinds = found(WORDS, /^ {4}\{"([a-z-]+)",/gm).sort();
const acts = (text) => [...new Set(found(text, /`([^`]+)`/g))].sort();
const todo = Object.fromEntries([...WORDS.matchAll(/^ {4}\{"([a-z-]+)",\s+"[^"]+",\s+"([^"]+)"\}/gm)].map(([, kind, words]) => [kind, acts(words)]));

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

test('each kind names an act that ends it, and the acts exist', () => {
  const commands = found(read('infra/ctl/src/commands.c'), /\.form = "([a-z-]+(?: [a-z-]+)*)/g).map((name) => `fairgate ${name}`);
  const others = {
    'payment-adapter retire EVENT': ['payment-adapter/src/cli.c', /payment-adapter retire EVENT/],
    'recover lost': ['infra/recover/recover', /^ *lost\)/m],
    'POST /internal/events/EVENT/holds/HOLD/refund': ['seat-service/src/api/order_api.c', /"refund"/],
  };
  const exists = (act) => commands.some((name) => `${act} `.startsWith(`${name} `)) || (others[act] && others[act][1].test(read(others[act][0])));
  for (const kind of kinds) {
    assert.ok(todo[kind]?.length > 0, kind);
    assert.deepEqual(todo[kind].filter((act) => !exists(act)), [], kind);
  }
});
