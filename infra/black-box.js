// black-box.js FILE...: runs test files, each in a process of its own, three at a time, and closes
// with "N passed, N failed".
//
// Some two dozen programs, a browser among them, share the machine with each file, so now and then a
// wait runs out that never does alone. Files that failed, if they are few, are therefore run once
// more with nothing beside them; what is told of them then counts. What failed at first is told with
// its story all the same, and named at the end as shaky: it is to be mended, not to be lived with. A
// finding of a sanitizer or a failed assert is never excused. FAIRGATE_ONCE=1 excuses nothing.

import { run } from 'node:test';
import { relative, resolve } from 'node:path';
import { judge } from './test-reporter.js';

const SIDE_BY_SIDE = 3;
const FEW = 3;
const UNEXCUSED = /Sanitizer|runtime error: |Assertion .* failed/;

// Browsers keep the processors busy, most others wait: so they go side by side. None is begun so late
// that it would run on alone.
function mixed(files) {
  const pages = files.filter((file) => file.includes('/browser/'));
  const rest = files.filter((file) => !pages.includes(file));
  const each = Math.floor(rest.length * 0.7 / Math.max(1, pages.length));
  return [...pages.flatMap((page, n) => [page, ...rest.slice(n * each, (n + 1) * each)]), ...rest.slice(pages.length * each)];
}

const files = mixed(process.argv.slice(2).map((file) => resolve(file)));

async function tell(some, concurrency) {
  const tests = [];
  for await (const { line, test } of judge(run({ files: some, concurrency }))) {
    process.stdout.write(line);
    if (test !== undefined) tests.push(test);
  }
  return tests;
}

const failed = (tests) => tests.filter(({ passed }) => !passed);

let tests = await tell(files, SIDE_BY_SIDE);
const again = [...new Set(failed(tests).map(({ file }) => file))];
const excusable = process.env.FAIRGATE_ONCE !== '1' && again.length <= FEW && failed(tests).every(({ file, why }) => file !== undefined && !UNEXCUSED.test(why));
if (again.length > 0 && excusable) {
  console.log(`once more, one after the other: ${again.map((file) => relative('', file)).join(', ')}`);
  const first = tests;
  tests = [...first.filter(({ file }) => !again.includes(file)), ...await tell(again, 1)];
  const lost = failed(tests).map(({ name }) => name);
  for (const { file, name } of failed(first)) if (!lost.includes(name)) console.log(`  shaky ${relative('', file)}: ${name}`);
}
console.log(`${tests.length - failed(tests).length} passed, ${failed(tests).length} failed`);
process.exit(failed(tests).length === 0 ? 0 : 1);
