// docs/THREATS.md names tests for its claims: each file exists and has each named test. Every item of the API Top 10 has a
// row.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ROOT } from '../lib-js/service.js';

const text = readFileSync(join(ROOT, 'docs/THREATS.md'), 'utf8');
// `tests/FILE` "a test", "another"; in some files a template inserts program names.
const promises = [...text.matchAll(/`(tests\/[\w./-]+)`((?:,? "[^"\n]+")*)/g)].map(([, file, names]) => ({
  file, names: [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name),
}));
const plain = (source) => source.replaceAll("\\'", "'").replaceAll('${program}', 'queue-front');

// judges: threats
test('each test that the threats name is there', () => {
  assert.ok(promises.length > 50, 'the tables are read');
  const missing = [];
  for (const { file, names } of promises) {
    if (!existsSync(join(ROOT, file))) missing.push(file);
    else for (const name of names) if (!plain(readFileSync(join(ROOT, file), 'utf8')).includes(name)) missing.push(`${file}: ${name}`);
  }
  assert.deepEqual(missing, []);
});

test('each of the ten has a row, and each row a test', () => {
  const rows = text.split('\n').filter((line) => /^\| (API)?\d/.test(line));
  for (let n = 1; n <= 10; n += 1) assert.ok(rows.some((row) => row.startsWith(`| API${n} `)), `API${n}`);
  for (const row of rows) assert.match(row, /`tests\/|API\d/, row);
});
