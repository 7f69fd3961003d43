// making.ts: the templates of four sales, made once into made/NAME for all tests.

import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { make } from '../src/app.js';
import { HERE, type Sale } from '../src/sale.js';
import { GIVEN_UP, PERSONS, SALE, SHARED } from './made.js';

export function makeInto(sale: Sale, name: string): string {
  const out = join(HERE, 'made', name);
  mkdirSync(out, { recursive: true });
  make(sale, out).app.synth();
  return out;
}

export const textsIn = (dir: string): Record<string, string> =>
  Object.fromEntries(readdirSync(dir).filter((name) => name.endsWith('.template.json')).sort().map((name) => [name, readFileSync(join(dir, name), 'utf8')]));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  makeInto(SALE, 'usual');
  makeInto(SHARED, 'shared');
  makeInto(PERSONS, 'persons');
  makeInto(GIVEN_UP, 'given-up');
}
