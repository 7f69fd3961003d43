// The list of shaky tests, tests/shaky.md: a table with a row a test.

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIST = process.env.FAIRGATE_SHAKY_LIST ?? `${ROOT}tests/shaky.md`; // another one, where this is itself tested

const inCell = (text) => text.replaceAll('|', '/').replaceAll('\n', ' ');
const keyOf = (file, name) => `${relative(ROOT, file)} | ${inCell(name === file ? 'the file itself' : name)}`;

export function isListed(file, name) {
  const rows = readFileSync(LIST, 'utf8').split('\n');
  return rows.some((row) => row.startsWith(`| ${keyOf(file, name)} |`));
}

export function rowOf(file, name) {
  return `| ${keyOf(file, name)} | ${new Date().toISOString().slice(0, 10)} | | |`;
}
