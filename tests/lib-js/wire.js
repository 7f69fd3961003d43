// What the fronts and the scripts in Redis agree about: the names of queue-front/lua/wire.list, and the texts of
// the scripts as the program carries them.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../queue-front/lua/', import.meta.url));
const list = readFileSync(`${folder}wire.list`, 'utf8');

// The rows of a block, each as its words.
function rows(heading) {
  const [, block] = new RegExp(`^${heading}\\b[^\\n]*\\n((?: [^\\n]*\\n)*)`, 'm').exec(list);
  return block.split('\n').filter((line) => line.trim() !== '').map((line) => line.trim().split(/\s+/));
}

export const knobs = rows('knobs').map(([name]) => name);

// Names of an enum as Lua has them, by number: {OK: 0, ...}.
export const numbers = (name) => Object.fromEntries(
  rows(`enum ${name}`).map(([own, as, other], i) => [as === 'as' ? other : own, i]));

// Numbers of the list by their name in Lua.
export function numbersOf() {
  const blocks = [...list.matchAll(/^numbers[^\n]*\n((?: [^\n]*\n)*)/gm)].map(([, block]) => block);
  return Object.fromEntries([...blocks.join('').matchAll(/^ +(\d+) +(\w+)/gm)].map(([, value, name]) => [name, Number(value)]));
}

export const scripts = [...new Set(rows('scripts').map(([name]) => name))];

const fields = (heading) => rows(heading).flatMap(([name, type]) => (type === 'knobs' ? knobs : [name]));

// What a script is asked, in its order; `words` has all of its fields, '' where there is none.
export function ask(script, words) {
  return fields(`ask ${script}`).map((name) => {
    if (!(name in words)) throw new Error(`ask ${script}: no ${name}`);
    return words[name];
  });
}

// What it tells, by name.
export const told = (script, answer) => Object.fromEntries(fields(`tell ${script}`).map((name, i) => [name, answer[i]]));

export function scriptText(name, from = folder) {
  return execFileSync('awk', ['-f', `${from}/wire.awk`, '-v', `make=${name}`, `${from}/wire.list`],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
