// Every refusal is one row of api/refusals.h. The contract is compared with that list, and so is the source: no other file
// writes a problem document.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { codesOf, OF_ALL_SERVICES, openContract, ROOT } from '../../lib-js/index.js';

const SRC = join(ROOT, 'payment-adapter/src');
const read = (path) => readFileSync(join(SRC, path), 'utf8');

test('the codes of refusals are those of refusals.h', () => {
  const rows = codesOf('payment-adapter/src/api/refusals.h');
  assert.ok(rows.length > 60);
  const { code } = openContract('payment-adapter/openapi.yaml').document.components.schemas.Problem.properties;
  assert.deepEqual(code.enum, [...new Set([...rows, ...OF_ALL_SERVICES])].sort());
});

test('each code with which a statement refuses an order is in refusals.h', () => {
  const sql = readFileSync(join(ROOT, 'payment-adapter/sql/statements/orders.sql'), 'utf8');
  const codes = [...sql.matchAll(/THEN '([a-z-]+)'$/gm)].map(([, code]) => code);
  assert.ok(codes.length > 15);
  const rows = codesOf('payment-adapter/src/api/refusals.h');
  assert.deepEqual(codes.filter((code) => !rows.includes(code)), []);
});

test('every refusal comes from a row of refusals.h', () => {
  const files = readdirSync(SRC, { recursive: true }).filter((file) => file.endsWith('.c'));
  assert.ok(files.length > 50);
  assert.deepEqual(files.filter((file) => read(file).includes('http_problem')), ['api/refusal.c']);
});
