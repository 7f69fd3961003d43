// openapi-lint FILE...: OpenAPI 3.1 documents judged offline: structure and schemas, references,
// path parameters, operation ids, and examples that fit their schemas. Ends with "N passed, N failed".

import { createConfig, lint } from '@redocly/openapi-core';

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    'no-empty-servers': 'off', // the documents name no host: the edge is yours
    'no-server-example.com': 'off',
    'info-license': 'error',
    'no-invalid-media-type-examples': 'error',
    'no-invalid-schema-examples': 'error',
    'operation-2xx-response': 'off', // a form that was taken leads on by 303
    'rule/operation-answers': { subject: { type: 'Responses' }, assertions: { requireAny: ['200', '201', '202', '204', '206', '303'] }, severity: 'error' },
    'operation-4xx-response': 'error',
    'path-parameters-defined': 'error',
    'no-ambiguous-paths': 'off', // /events/{event}/holds and /events/{event}/{action} live together
    'security-defined': 'error',
  },
});

let passed = 0;
let failed = 0;
for (const ref of process.argv.slice(2)) {
  const problems = await lint({ ref, config });
  for (const { severity, message, ruleId, location } of problems) {
    const pointer = location[0]?.pointer ?? '';
    console.log(`  ${severity}: ${ref} ${pointer}: ${message} (${ruleId})`);
  }
  const bad = problems.some(({ severity }) => severity === 'error');
  console.log(`  ${bad ? 'FAIL' : 'ok  '}  ${ref}`);
  if (bad) failed += 1;
  else passed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
