// rooms [ROOT]: checks the tree's includes against infra/rooms, whose head describes the format. Prints violations as
// FILE:LINE and ends with "N passed, N failed", counted in files.
//
// Inside a room, a module (NAME.c with NAME.h) needs another if it includes its header or uses a name that only the other
// defines. NAME_internal.h belongs to no module: several modules share its declarations, and the names that a module uses
// show what it needs.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const C_FILES_MAX = 12;
const PURE = ['common/base', 'common/crypto', 'common/pace', 'common/sale'];
const LIST = 'infra/rooms';

const root = process.argv[2] ?? '.';
const broken = new Map();

function breaks(file, line, what) {
  console.log(`${file}:${line}: ${what}`);
  broken.set(file, true);
}

const lines = (file) => readFileSync(join(root, file), 'utf8').split('\n').map((text, n) => ({ text, at: n + 1 }));
const isIn = (path, name) => path === name || path.startsWith(`${name}/`);

// ---- the list --------------------------------------------------------------------------------------

// Rooms by path: { path, floor, at, component, may: [{ name, used }] }, from the lowest floor up.
const rooms = new Map();
const components = [];

const known = (name) => [...rooms.keys()].some((path) => isIn(path, name));

function readRoom(component, at, name, names) {
  const path = name === '.' ? component.path : `${component.path}/${name}`;
  const may = names.map((each) => (known(`${component.path}/${each}`) ? `${component.path}/${each}` : each));
  may.filter((each) => !known(each)).forEach((each) => breaks(LIST, at, `${each} does not stand above ${path}`));
  rooms.set(path, { path, floor: rooms.size, at, component, ones: [], may: may.filter(known).map((each) => ({ name: each, used: false })) });
}

function readList() {
  for (const { text, at } of lines(LIST)) {
    const [, indent, left, right] = /^( *)([^#]+?):(?: (.*))?$/.exec(text) ?? [];
    const words = (some) => some?.split(' ').filter(Boolean) ?? [];
    if (/^ *(#|$)/.test(text)) continue;
    if (left === undefined) breaks(LIST, at, 'neither a component nor a room');
    else if (indent === '') components.push({ path: words(left)[0], search: words(left) });
    else if (left === 'one') [...rooms.values()].at(-1).ones.push({ at, modules: words(right).sort() });
    else readRoom(components.at(-1), at, left, words(right));
  }
}

// ---- the tree --------------------------------------------------------------------------------------

function sources() {
  return components.flatMap(({ path }) => readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[ch]$/.test(entry.name))
    .map((entry) => normalize(join(entry.parentPath, entry.name)).slice(normalize(`${root}/`).replace(/^\.\/$/, '').length)))
    .sort();
}

// The room of a file: the innermost one in the list.
const roomOf = (file) => [...rooms.values()]
  .filter(({ path }) => isIn(file.replace(/\.[ch]$/, ''), path))
  .reduce((best, room) => (best === undefined || room.path.length > best.path.length ? room : best), undefined);

const isCore = ({ path, component }) => isIn(path, `${component.path}/core`);

// Build output in no room: a text as a C string, or a header next to its source.
const isMade = (include) => include.endsWith('.inc')
  || (/^[^/]+\/[^/]+\//.test(include) && existsSync(join(root, dirname(include))) && !components.some(({ path }) => isIn(include, path)));

function judgeInclude(all, file, room, at, include) {
  const target = [dirname(file), ...room.component.search, 'common'].map((dir) => normalize(join(dir, include)))
    .find((path) => all.has(path));
  if (target === undefined && isMade(include)) return undefined;
  if (target === undefined) return breaks(file, at, `${include}: no such file`);
  const there = roomOf(target);
  if (there === room) need(room, file, target, at, include);
  if (there === undefined || there === room) return undefined;
  const may = there.floor < room.floor ? room.may.find(({ name }) => isIn(there.path, name)) : undefined;
  if (may === undefined) return breaks(file, at, `${room.path} may not include ${there.path} (${include})`);
  may.used = true;
  if (include.endsWith('_internal.h') && !isIn(file, 'loadtest') && !isIn(file, 'tests/sim')) return breaks(file, at, `${include} is for ${there.path} alone`);
  const isOwnCore = isCore(there) && there.component === room.component;
  if (isCore(room) && !isOwnCore && !PURE.some((name) => isIn(there.path, name)))
    return breaks(file, at, `core includes ${there.path} (${include})`);
  return undefined;
}

// HTML belongs in templates (common/web/template.h). SVG drawings and comments are exempt.
const TAG = /"[^"]*<(?:!doctype|(?!svg|path)[a-z][a-z0-9]*(?=[ >%\\"])|\/(?!svg|path)[a-z][a-z0-9]*>)/i;

function judgeFile(all, file) {
  const room = roomOf(file);
  if (room === undefined) return breaks(file, 1, `lies in no room of ${LIST}`);
  for (const { text, at } of lines(file)) {
    if (TAG.test(text.replaceAll('\\"', ' ')) && !/^\s*(\/\*|\*)/.test(text)) breaks(file, at, 'a tag of HTML in a string: a page is a template');
    const include = /^\s*#\s*include\s*"([^"]+)"/.exec(text)?.[1];
    if (include !== undefined) judgeInclude(all, file, room, at, include);
  }
  return undefined;
}

// ---- names -----------------------------------------------------------------------------------------

// A header declares functions that begin with the first word of its name, which may have an ending: outcalls_create(),
// logger_create(). Exempt are headers for their own room only and lists of other files' routes or runs. The one exception is
// text.h's JSON writers: they append to a text, share its comma and are used wherever it is, so with a header of their own
// every user would include both.
const ALSO = { 'common/base/text.h': ['json'] };
const DECLARED = /^[a-z][\w *]*?\b(\w+)\(/gm;

function judgeNames(file) {
  const name = /([^/]+)\.h$/.exec(file)?.[1];
  if (name === undefined || ['routes', 'runs'].includes(name) || name.endsWith('_internal')) return;
  const [word] = name.split(/[_-]/);
  const may = [word.replace(/s$/, ''), ...(ALSO[file] ?? [])];
  const text = code(file).replace(/__attribute__/g, '             ');
  for (const match of text.matchAll(DECLARED)) {
    if (!may.some((begin) => match[1].startsWith(begin)))
      breaks(file, text.slice(0, match.index).split('\n').length, `${match[1]} does not begin with ${may[0]}`);
  }
}

// ---- inside a room ---------------------------------------------------------------------------------

// For each room, by module: what it needs, and the place where the need first appears.
const needs = new Map();
const moduleOf = (file) => file.replace(/\.[ch]$/, '');

function need(room, file, target, at, what) {
  const [from, to] = [moduleOf(file), moduleOf(target)];
  if (from === to || [from, to].some((each) => each.endsWith('_internal'))) return;
  if (!needs.has(room.path)) needs.set(room.path, new Map());
  const all = needs.get(room.path);
  if (!all.has(from)) all.set(from, new Map());
  if (!all.get(from).has(to)) all.get(from).set(to, { file, at, what });
}

// The file's text without comments and strings, with the same lines.
const code = (file) => readFileSync(join(root, file), 'utf8')
  .replace(/\/\*[^]*?\*\/|"(?:\\.|[^"\\\n])*"/g, (some) => some.replace(/[^\n]/g, ' '));

// A non-static function's definition starts at the beginning of a line, its body on the next one (clang-format).
const DEFINED = /^(?!static )[a-z][\w *]*?\b(\w+)\([^;{}]*\)\n\{/gm;
const NAMES = /(?<!struct |enum |union |\.|->)\b[a-z]\w+\b/g;

function readCalls(files) {
  const text = new Map(files.filter((file) => file.endsWith('.c') && roomOf(file) !== undefined).map((file) => [file, code(file)]));
  const home = new Map();
  for (const [file, all] of text) for (const [, name] of all.matchAll(DEFINED)) home.set(`${roomOf(file).path} ${name}`, file);
  for (const [file, all] of text) {
    const room = roomOf(file);
    all.split('\n').forEach((line, n) => {
      for (const [name] of line.matchAll(NAMES)) {
        const target = home.get(`${room.path} ${name}`);
        if (target !== undefined) need(room, file, target, n + 1, name);
      }
    });
  }
}

const reached = (graph, from) => {
  const seen = new Set();
  const open = [from];
  while (open.length > 0) {
    for (const next of graph.get(open.pop())?.keys() ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
  }
  return seen;
};

function judgeCircles() {
  for (const { path, at, ones } of rooms.values()) {
    const graph = needs.get(path) ?? new Map();
    const reach = new Map([...graph.keys()].map((module) => [module, reached(graph, module)]));
    const round = [...graph.keys()].filter((module) => reach.get(module).has(module)).sort();
    const circles = new Map(round.map((module) => [round.filter((other) => reach.get(module).has(other) && reach.get(other).has(module)).join(' '), module]));
    for (const one of ones) {
      const name = one.modules.map((each) => `${path}/${each}`).join(' ');
      if (!circles.delete(name)) breaks(LIST, one.at, `${one.modules.join(', ')} of ${path} are no circle`);
    }
    for (const circle of circles.keys()) {
      const inside = circle.split(' ');
      for (const module of inside)
        for (const [to, { file, at: line, what }] of graph.get(module))
          if (inside.includes(to)) breaks(file, line, `needs ${to}, which needs it in turn (${what})`);
      breaks(LIST, at, `a circle in ${path}: ${circle}`);
    }
  }
}

function judgeSizes(files) {
  const folders = new Map();
  for (const file of files.filter((each) => each.endsWith('.c')))
    folders.set(dirname(file), [...(folders.get(dirname(file)) ?? []), file]);
  for (const [folder, inside] of folders)
    if (inside.length > C_FILES_MAX)
      breaks(inside[C_FILES_MAX], 1, `${folder} has ${inside.length} .c files, and a room at most ${C_FILES_MAX}`);
}

function judgeList() {
  for (const { path, at, may } of rooms.values())
    may.filter(({ used }) => !used).forEach(({ name }) => breaks(LIST, at, `${path} includes nothing of ${name}`));
}

readList();
const files = sources();
const all = new Set(files);
files.forEach((file) => judgeFile(all, file));
files.forEach(judgeNames);
readCalls(files);
judgeCircles();
judgeSizes(files);
judgeList();
console.log(`${files.filter((file) => !broken.has(file)).length + (broken.has(LIST) ? 0 : 1)} passed, ${broken.size} failed`);
process.exitCode = broken.size > 0 ? 1 : 0;
