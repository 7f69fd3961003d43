// figures.js: what one thing costs. figures.json is the one table of it, each row with where it comes from:
// measured, a bound (measured with something else in it), a setting's default, or assumed.

import { readFileSync } from 'node:fs';

const FILE = new URL('../figures.json', import.meta.url);
const table = JSON.parse(readFileSync(FILE, 'utf8'));

export const BASES = ['measured', 'bound', 'setting', 'assumed'];
export const figures = () => Object.entries(table).map(([name, row]) => ({ name, ...row }));

// By name: { edge_handshake_us: 360, ... }. An unknown name is a mistake of ours.
export function costs(changes = {}) {
  const all = Object.fromEntries(figures().map(({ name, value }) => [name, value]));
  for (const name of Object.keys(changes)) if (!(name in all)) throw new Error(`no figure is called ${name}`);
  return { ...all, ...changes };
}
