// The list of shaky tests, tests/shaky.md. A row excuses a test until its date; an invalid row is an error.
//
//   shaky.js FILE: exits with 0 if the program of this unit test is excused today

import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIST = process.env.FAIRGATE_SHAKY_LIST ?? `${ROOT}tests/shaky.md`; // another list, for the tests of this file
const DAYS_MAX = 14;
const DAY_MS = 24 * 3600 * 1000;

const inCell = (text) => text.replaceAll('|', '/').replaceAll('\n', ' ');

function rowOf(line) {
  const [file, name, cause, owner, until] = line.split('|').slice(1).map((cell) => cell.trim());
  const leftMs = Date.parse(until) + DAY_MS - Date.now();
  const wrong = !cause || !owner ? 'it needs a cause and an owner'
    : !/^\d{4}-\d\d-\d\d$/.test(until) || leftMs > (DAYS_MAX + 1) * DAY_MS ? `it ends at most ${DAYS_MAX} days from now`
      : file.startsWith('tests/promises/') ? 'a promise is never excused' : '';
  if (wrong) throw new Error(`${LIST}: ${wrong}: ${line}`);
  return { file, name, isOver: leftMs <= 0 };
}

const rows = readFileSync(LIST, 'utf8').split('\n').filter((line) => /^\| \S*test\S* \|/.test(line)).map(rowOf);

export function isExcused(file, name) {
  return rows.some((row) => row.file === relative(ROOT, file) && [undefined, row.name].includes(name && inCell(name)) && !row.isOver);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = isExcused(resolve(ROOT, process.argv[2])) ? 0 : 1;
}
