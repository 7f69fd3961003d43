// openapi-lint FILE...: checks OpenAPI 3.1 documents offline: structure and schemas, references, path parameters, operation
// ids, and that examples fit their schemas. Ends with "N passed, N failed".

import { createConfig, lint } from '@redocly/openapi-core';

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    'no-empty-servers': 'off', // the documents name no host: each deployment has its own edge
    'no-server-example.com': 'off',
    'info-license': 'error',
    'no-invalid-media-type-examples': 'error',
    'no-invalid-schema-examples': 'error',
    'operation-2xx-response': 'off', // an accepted form redirects with 303
    'rule/operation-answers': { subject: { type: 'Responses' }, assertions: { requireAny: ['200', '201', '202', '204', '206', '303'] }, severity: 'error' },
    'operation-4xx-response': 'error',
    'path-parameters-defined': 'error',
    'no-ambiguous-paths': 'off', // /events/{event}/holds and /events/{event}/{action} coexist
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
