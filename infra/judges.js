// judges.js [--check]: prints a table of which test holds which promise. A test, an invariant, a model or a planted bug that
// holds one has `judges: NAME` in the line above it, or in its first lines if the whole file holds it. --check prints only
// names that tests/promises.list lacks and promises that nothing holds; it fails if there are any.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const LIST = 'tests/promises.list';
const HEAD_LINES = 3; // a `judges:` within these lines covers the whole file

const promises = new Map(readFileSync(LIST, 'utf8').split('\n').filter((line) => /^[a-z]/.test(line))
  .map((line) => [line.slice(0, line.indexOf(' ')), { text: line.slice(line.indexOf(' ')).trim(), held: [] }]));
const bad = [];

// The name of the test or function in the line below the mark.
function nameOf(line) {
  const [, , quoted] = /(['"`])(.*?[^\\])\1/.exec(line) ?? [];
  return quoted ?? /^TEST_CASE(?:_IN)?\((\w+)/.exec(line)?.[1] ?? /(\w+)\s*\(/.exec(line)?.[1] ?? line.trim();
}

const files = execFileSync('git', ['grep', '-lE', '(//|/?\\*|#) judges: ', '--', 'tests'], { encoding: 'utf8' }).trim().split('\n');
for (const file of files) {
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.forEach((line, n) => {
    const [, names] = /(?:\/\/|\/?\*|#) judges: ([a-z, -]+?)\s*(?:\*\/)?$/.exec(line) ?? [];
    for (const name of names?.split(', ') ?? []) {
      if (!promises.has(name)) bad.push(`${file}:${n + 1}: ${LIST} has no promise ${name}`);
      promises.get(name)?.held.push(n < HEAD_LINES ? file : `${file}: ${nameOf(lines[n + 1])}`);
    }
  });
}
for (const [name, { held }] of promises) if (held.length === 0) bad.push(`${LIST}: no test holds ${name}`);

if (process.argv[2] !== '--check') {
  for (const [name, { text, held }] of promises) console.log(`${name}: ${text}\n${held.map((one) => `    ${one}\n`).join('')}`);
}
for (const line of bad) console.log(line);
process.exit(bad.length === 0 ? 0 : 1);
