// scale.js: simulates a whole sale of any size: what it needs, what fails first, what it costs.
//
//   node loadtest/sim/scale.js [--visitors N] [--seats N] [--rate-per-s N] [--placed S] [--cdn] [--NAME VALUE ...] [--json]
//   node loadtest/sim/scale.js --document          writes the tables of infra/SCALE.md, and the figures for `fairgate size`
//   node loadtest/sim/scale.js --names             lists all parameters with their values
//
// The machines are those that the target needs (--placed S, default 10), or the ones given with --edges and --fronts.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askOf } from './whole/ask.js';
import { RULES } from './whole/figures.js';
import { document, study, textOf } from './whole/report.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCALE = join(ROOT, 'infra/SCALE.md');
const SIZE_C = join(ROOT, 'infra/ctl/src/plan/size.c');
export const FIGURES_C = join(ROOT, 'infra/ctl/src/plan/figures.h');
const USUAL = [100_000, 1_000_000, 10_000_000];

// `<!-- scale: NAME -->` begins a generated part, `<!-- end -->` closes it.
export function filled(text, parts = document()) {
  return Object.entries(parts).reduce((whole, [name, part]) => {
    const from = `<!-- scale: ${name} -->\n`;
    const start = whole.indexOf(from);
    const end = whole.indexOf('\n<!-- end -->', start);
    if (start < 0 || end < 0) throw new Error(`infra/SCALE.md has no place for ${name}`);
    return whole.slice(0, start + from.length) + part + whole.slice(end);
  }, text);
}

// The figures that size.c uses, as a C header. Assumptions about people, a machine's size and the rules are figures there, too.
export function header() {
  const { people, cost, ...ask } = askOf();
  const snake = (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const machine = ['edgeGb', 'edgeConnections', 'busy', 'gigabits'];
  const rows = [
    ...Object.entries(cost).map(([name, value]) => [name, value]),
    ...Object.entries(people).map(([name, value]) => [`people_${snake(name)}`, value]),
    ...machine.map((name) => [`machine_${snake(name)}`, ask[name]]),
    ...Object.entries(RULES).map(([name, value]) => [snake(name), value]),
  ];
  const named = new Set(Array.from(readFileSync(SIZE_C, 'utf8').matchAll(/\bfigure_(\w+)/g), ([, name]) => name));
  const lines = rows.filter(([name]) => named.has(name)).map(([name, value]) => `static const double figure_${name} = ${value};`);
  return [
    '/* figures.h: what one thing costs, for the sums of size.c. Written by `make scale` from', ' * loadtest/sim/whole: table.js, ask.js and figures.js; a test compares. */',
    '#ifndef FG_CTL_PLAN_FIGURES_H', '#define FG_CTL_PLAN_FIGURES_H', '', ...lines, '', '#endif', '',
  ].join('\n');
}

const camel = (name) => name.replaceAll(/-(.)/g, (all, letter) => letter.toUpperCase());
const valueOf = (text) => (text === 'true' || text === 'false' ? text === 'true' : Number.isNaN(Number(text)) ? text : Number(text));

class Wrong extends Error {}

// --visitors 5 sets a property of the sale, --people.reload-s 5 one of people, --figures.redis_join_us 5 a figure.
function read(words) {
  const known = askOf();
  const given = { people: {}, figures: {} };
  let aimS = 10;
  for (let i = 0; i < words.length; i++) {
    const name = words[i].replace(/^--/, '');
    if (name === 'json') continue;
    if (name === 'cdn') {
      given.cdn = true;
      continue;
    }
    if (!words[i].startsWith('--') || words[i + 1] === undefined) throw new Wrong(`--${name}: it is given as --NAME VALUE`);
    const value = valueOf(words[++i]);
    const [of, what] = name.split('.');
    if (name === 'placed') aimS = value;
    else if (of === 'people' && camel(what) in known.people) given.people[camel(what)] = value;
    else if (of === 'figures' && what in known.cost) given.figures[what] = value;
    else if (camel(name) in known && typeof known[camel(name)] === typeof value) given[camel(name)] = value;
    else throw new Wrong(`--${name} ${value}: not known; --names lists what is`);
  }
  return { given, aimS };
}

function names() {
  const { people, cost, ...ask } = askOf();
  const kebab = (name) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const rows = [
    ...Object.entries(ask).map(([name, value]) => [kebab(name), value]),
    ...Object.entries(people).map(([name, value]) => [`people.${kebab(name)}`, value]),
    ...Object.entries(cost).map(([name, value]) => [`figures.${name}`, value]),
  ];
  return rows.map(([name, value]) => `--${name} ${value}`).join('\n');
}

function main(words) {
  if (words.includes('--names')) return names();
  if (words.includes('--document')) {
    writeFileSync(SCALE, filled(readFileSync(SCALE, 'utf8')));
    writeFileSync(FIGURES_C, header());
    return 'infra/SCALE.md and infra/ctl/src/plan/figures.h are written.';
  }
  const { given, aimS } = read(words);
  const all = (given.visitors === undefined ? USUAL : [given.visitors])
    .map((visitors) => study(askOf({ ...given, visitors }), aimS, given.edges !== undefined && given.fronts !== undefined));
  return words.includes('--json') ? JSON.stringify(all.length === 1 ? all[0] : all) : all.map(textOf).join('\n\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(main(process.argv.slice(2)));
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    console.error(`scale: ${error.message}`);
    process.exitCode = 2;
  }
}
