// The protocol between the fronts and the scripts in Redis: the names of queue-front/lua/wire.list, and the scripts' texts
// as the program carries them.

import { fileURLToPath } from 'node:url';
import * as compiler from '../../infra/wire.js';

const folder = fileURLToPath(new URL('../../queue-front/lua', import.meta.url));
const wire = compiler.readWire(folder);
const namesOf = (rows) => rows.map(({ words: [own, as, other] }) => (as === 'as' ? other : own));

export const knobs = wire.knobs.map(({ name }) => name);
export const scripts = [...wire.scripts.keys()];
export const channels = wire.blocks.find(({ kind }) => kind === 'channels').rows.map(({ words: [name] }) => name);

// The names of an enum as Lua has them, by number: {OK: 0, ...}.
export const numbers = (name) => Object.fromEntries(
  namesOf(wire.blocks.find((block) => block.kind === 'enum' && block.name === name).rows).map((own, i) => [own, i]));

// The list's numbers by their names in Lua.
export const numbersOf = () => Object.fromEntries(wire.blocks.filter(({ kind }) => kind === 'numbers')
  .flatMap(({ rows }) => rows.map(({ words: [value, name] }) => [name, Number(value)])));

const fields = (whole) => wire.blocks.find((block) => block.whole === whole).fields
  .flatMap(({ name, type }) => (type === 'knobs' ? knobs : [name]));

// A script's request as an array in order; `words` has all of its fields, '' if a field is absent.
export function ask(script, words) {
  return fields(`ask_${script}`).map((name) => {
    if (!(name in words)) throw new Error(`ask ${script}: no ${name}`);
    return words[name];
  });
}

// A script's reply, by name.
export const replyOf = (script, answer) => Object.fromEntries(fields(`reply_${script}`).map((name, i) => [name, answer[i]]));

export const scriptText = (name, from = folder) => compiler.scriptText(from === folder ? wire : compiler.readWire(from), name);
