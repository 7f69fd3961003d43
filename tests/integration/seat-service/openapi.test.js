// judges: contract
// The contract against the lists that the program is made of. That its answers keep the contract
// is checked with each of them (lib/).

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { codesOf, OF_ALL_SERVICES, openContract, ROOT } from '../../lib-js/index.js';

test('the codes of refusals are those of the program: its own, the verdicts of the engine, the reasons of the journal', () => {
  const own = codesOf('seat-service/src/loop/refusals.h');
  const verdicts = codesOf('seat-service/src/core/engine/verdicts.h').filter((code) => code !== 'ok' && code !== 'same');
  const reasons = codesOf('seat-service/src/journal/journal.h');
  assert.ok(own.length > 40 && verdicts.length > 25 && reasons.length === 9);
  const { code } = openContract('seat-service/openapi.yaml').document.components.schemas.Problem.properties;
  assert.deepEqual(code.enum, [...new Set([...own, ...verdicts, ...reasons, ...OF_ALL_SERVICES])].sort());
});

test('every refusal comes from a row of the lists', () => {
  const src = join(ROOT, 'seat-service/src');
  const files = readdirSync(src, { recursive: true }).filter((file) => file.endsWith('.c'));
  const saying = (text) => files.filter((file) => readFileSync(join(src, file), 'utf8').includes(text));
  assert.ok(files.length > 50);
  assert.deepEqual(saying('http_problem'), []);
  assert.deepEqual(saying('struct call_refusal){'), ['api/verdict.c']);
});
