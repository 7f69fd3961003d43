// All logs have one format: each field that a program writes is in docs/operate/logs.md, with the same type everywhere.
// tests/integration/visit/walls.test.js compares it with a whole stack's logs, and searches them for personal data.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../lib-js/index.js';
import { logFields } from '../lib-js/observe.js';

const TYPES = { log_str: 'text', log_cstr: 'text', log_text: 'text', log_u64: 'number', log_bool: 'bool' };
const OF_EACH_LINE = ['ts', 'level', 'service', 'msg', 'cut', 'traceparent'];

const sources = ['queue-front/src', 'seat-service/src', 'payment-adapter/src', 'common']
  .flatMap((room) => readdirSync(join(ROOT, room), { recursive: true }).map((path) => join(room, path))).filter((path) => path.endsWith('.c'));

test('each field of the logs is in the table with its type, and no other is', () => {
  const fields = logFields();
  const written = new Set(OF_EACH_LINE);
  for (const path of sources) {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const fieldsAlone = text.matchAll(/\b(log_(?:str|cstr|u64|bool))\(\s*&?\w+,\s*"(\w+)"/g);
    for (const [, call, key] of [...fieldsAlone, ...text.matchAll(/\b(log_text)\([^;]*?,\s*"(\w+)",[^";]*\);/g)]) {
      assert.equal(fields.get(key), TYPES[call], `${path}: ${call} of "${key}"`);
      written.add(key);
    }
  }
  assert.deepEqual([...fields.keys()].filter((key) => !written.has(key)), []);
});

// A message is fixed text, so nothing a visitor wrote can be in it.
test('log messages are literal strings', () => {
  const found = sources.flatMap((path) => [...readFileSync(join(ROOT, path), 'utf8')
    .matchAll(/\blog_(?:say|failure)\(\s*[^,;]+,\s*([^;]*?)\);/g)].filter(([, rest]) => !/"/.test(rest)).map(([all]) => `${path}: ${all}`));
  assert.deepEqual(found, []);
});
