// Reports black-box tests to people: one line a test, the whole story of those that failed, and the
// closing line that infra/test sums up. A skipped test counts as failed: it judged nothing.
//
//   node --test --test-reporter ./infra/test-reporter.js tests/integration/edge.test.js

import { inspect } from 'node:util';
import { relative } from 'node:path';

export default async function* report(events) {
  let passed = 0;
  let failed = 0;
  for await (const { line, test } of judge(events)) {
    if (test?.passed) passed += 1;
    else if (test) failed += 1;
    yield line;
  }
  yield `${passed} passed, ${failed} failed\n`;
}

// {line}: to be printed; with {test: {file, name, passed, why}} if it is a test's verdict.
export async function* judge(events) {
  for await (const { type, data } of events) {
    if (type === 'test:diagnostic' && data.message.startsWith('seed ')) {
      yield { line: `        ${data.message}\n` };
    }
    if (type === 'test:stdout' || type === 'test:stderr') yield { line: data.message };
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (isContainer(type, data)) continue;

    const { file, name } = data;
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const passed = type === 'test:pass' && !skipped;
    const why = data.details.error === undefined ? '' : `${story(data.details.error)}\n`;
    const where = file === undefined ? '' : `${relative('', file)}: `;
    const word = passed ? 'ok  ' : skipped ? 'SKIP' : 'FAIL';
    const line = `  ${word}  ${where}${name} (${Math.round(data.details.duration_ms)} ms)\n${passed ? '' : why}`;
    yield { line, test: { file, name, passed, why } };
  }
}

// Suites, and the files that some versions of node report as tests, hold tests and are none. A file
// that fails by itself (a syntax error, a hook) has no test that could say so: it counts.
function isContainer(type, data) {
  const isFile = /\.test\.js$/.test(data.name);
  if (type === 'test:pass') return isFile || data.details.type === 'suite';
  const cause = data.details.error?.failureType;
  return (isFile || data.details.type === 'suite') && cause === 'subtestsFailed';
}

function story(error) {
  const cause = error.cause ?? error;
  const text = cause.stack ?? inspect(cause);
  return text.replace(/^/gm, '        ');
}
