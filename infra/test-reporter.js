// Prints black-box test results for people: one line per test, full output for failed tests, and the closing line that
// infra/test sums up. A skipped test counts as failed, because it checked nothing. So does a test that was announced but has
// no verdict, and a file in which no test ran.
//
//   node --test --test-reporter ./infra/test-reporter.js tests/integration/edge.test.js

import { inspect } from 'node:util';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

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

// {line} is to be printed. A verdict adds {test: {file, name, passed, why, holder}}; `holder` is true for a suite or a file,
// which is only reported when it fails. A test's own output adds {said: {file, text}}.
export async function* judge(events) {
  const files = new Map(); // path -> its announced tests: 'nesting name' -> how many have no verdict yet
  for await (const { type, data: told } of events) {
    const data = { ...told, file: pathOf(told.file) };
    const { file, name } = data;
    if (type === 'test:enqueue') announce(files, data);
    if (type === 'test:diagnostic' && /^seed |^took |generated asynchronous activity/.test(data.message)) {
      yield { line: `        ${data.message}\n` };
    }
    if (type === 'test:stdout' || type === 'test:stderr') yield { line: data.message, said: { file, text: data.message } };
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    settle(files, data);
    if (isContainer(type, data)) continue;

    const skipped = data.skip !== undefined || data.todo !== undefined;
    const passed = type === 'test:pass' && !skipped;
    const why = data.details.error === undefined ? '' : `${story(data.details.error)}\n${isFile(name) ? unjudged(files.get(file)) : ''}`;
    const word = passed ? 'ok  ' : skipped ? 'SKIP' : 'FAIL';
    const holder = isFile(name) || data.details.type === 'suite';
    yield verdict({ file, name, passed, why, holder }, word, ` (${Math.round(data.details.duration_ms)} ms)`);
  }
  for (const [file, { announced, judged, failed }] of files) {
    const lost = lostOf(announced);
    const why = lost.length > 0 ? `the file ended before these were judged: ${lost.join(', ')}` : 'no test ran';
    if (failed || (lost.length === 0 && judged > 0)) continue;
    yield verdict({ file, name: file, passed: false, why: `        ${why}\n`, holder: true }, 'FAIL');
  }
}

const lostOf = (announced) => [...announced].flatMap(([key, count]) => (count > 0 ? [key.slice(key.indexOf(' ') + 1)] : []));

// A file that timed out was running the first of these.
function unjudged(known) {
  const [first] = known === undefined ? [] : lostOf(known.announced);
  return first === undefined ? '' : `        the first without a verdict: ${first}\n`;
}

function verdict(test, word, took = '') {
  const where = test.file === undefined ? '' : `${relative('', test.file)}: `;
  return { line: `  ${word}  ${where}${test.name}${took}\n${test.passed ? '' : test.why}`, test };
}

// Node 18 gives a module's URL in events about its tests, and its path in events about the file.
const pathOf = (file) => (file?.startsWith('file:') ? fileURLToPath(file) : file);

const isFile = (name) => /\.test\.js$/.test(name);

function announce(files, { file, name, nesting }) {
  if (file === undefined) return;
  if (!files.has(file)) files.set(file, { announced: new Map(), judged: 0, failed: false });
  if (isFile(name)) return;
  const { announced } = files.get(file);
  const key = `${nesting} ${name}`;
  announced.set(key, (announced.get(key) ?? 0) + 1);
}

// A file that failed by itself already accounts for the tests that it did not reach.
function settle(files, { file, name, nesting, details }) {
  const known = files.get(file);
  if (known === undefined) return;
  if (isFile(name)) {
    known.failed ||= details.error !== undefined;
    return;
  }
  known.judged += 1;
  const key = `${nesting} ${name}`;
  known.announced.set(key, (known.announced.get(key) ?? 0) - 1);
}

// Suites, and the files that some versions of Node report as tests, are not tests. But a file that fails by itself (a syntax
// error, a hook) has no test to report it, so it counts.
function isContainer(type, { name, details }) {
  if (type === 'test:pass') return isFile(name) || details.type === 'suite';
  const cause = details.error?.failureType;
  return (isFile(name) || details.type === 'suite') && cause === 'subtestsFailed';
}

function story(error) {
  const cause = error.cause ?? error;
  const text = cause.stack ?? inspect(cause);
  return text.replace(/^/gm, '        ');
}
