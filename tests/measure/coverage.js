// coverage [--open | --check] [--at PATTERN]: which lines and branches of the core modules do their unit tests reach? Clang
// counts them (VARIANT=coverage). Each test program runs unchanged, and again for each call in the core that can fail,
// with that call failing (tests/unit/lib/nth.c, as in `make nth`). So error paths are reached, too.
//
// A branch is one of the two outcomes of a condition, or of an operand of && or ||. Not counted: branches inside an
// assert(), which must never fail; the default of a switch that names all values of an enum; and branches inside our own
// macros, except in their arguments. A module's figures include its .c and its .h.
//
//   --at     only modules whose path matches, and only tests whose path matches
//   --open   prints each branch that is not reached
//   --check  ends with "N passed, N failed": a core passes if its share of branches reaches its floor in tests/measure/branches.tsv

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CORES, JOBS, build, filesOf, inParallel, nameOf, programsOf, rowsOf, run, runTest, short } from './cores.js';

const OUT = 'build/coverage';
const RAW = `${OUT}/raw`;
const QUICK_S = 2; // only tests faster than this run again for each failure
const LIST = 'tests/measure/branches.tsv';

const { values: asked } = parseArgs({ options: { open: { type: 'boolean' }, check: { type: 'boolean' }, at: { type: 'string', default: '.' } } });
const at = new RegExp(asked.at);

// Call sites in the core that can fail, as FAIRGATE_NTH takes them: each in the fastest program that reaches it, for
// the first and the last call.
async function failuresOf(core, tests) {
  const sites = `${OUT}/sites`;
  const found = new Map();
  for (const { program } of tests.filter(({ cpuS }) => cpuS < QUICK_S).sort((a, b) => a.cpuS - b.cpuS)) {
    rmSync(sites, { force: true });
    await runTest(program, 300, { FAIRGATE_NTH: `+${sites}`, LLVM_PROFILE_FILE: '/dev/null' });
    if (!existsSync(sites)) continue;
    const paths = readFileSync(sites, 'utf8').trim().split('\n').map((line) => line.split(' ')).filter(([, , , site]) => site !== undefined);
    const at = [...new Set(paths.map(([, , , site]) => site))];
    const before = at.map((address) => `0x${(BigInt(address) - 1n).toString(16)}`); // they are return addresses
    const places = run('addr2line', ['-e', program, ...before]).split('\n');
    const own = new Map(at.map((address, i) => [address, places[i]]).filter(([, place]) => core.folders.some((folder) => place.includes(`${folder}/`))));
    for (const [address, place] of own) {
      const key = `${place} ${[...own].filter(([other, its]) => its === place && other <= address).length}`; // tells calls on one line apart
      if (found.has(key)) continue;
      const here = paths.filter(([, , , site]) => site === address);
      const failures = new Set([`${here[0][0]}:1`, `${here.at(-1)[0]}:${here.at(-1)[2]}`]);
      found.set(key, [...failures].map((failure) => ({ program, how: `${failure},/dev/null` })));
    }
  }
  return [...found.values()].flat();
}

async function count(core) {
  const programs = programsOf(core, OUT, at);
  const files = [...filesOf(core), ...filesOf(core, '.h')].filter((file) => at.test(file));
  if (programs.length === 0 || files.length === 0) return [];
  const data = `${OUT}/${core.tests}.profdata`;
  rmSync(RAW, { recursive: true, force: true });
  mkdirSync(RAW, { recursive: true });
  const env = { LLVM_PROFILE_FILE: `${process.cwd()}/${RAW}/%${JOBS}m.profraw` }; // one per program, shared by its runs
  await inParallel(programs, async (test) => {
    Object.assign(test, await runTest(test.program, 300, env));
    if (!test.ok) throw new Error(`${test.program} fails`);
  });
  await inParallel(await failuresOf(core, programs), ({ program, how }) => runTest(program, 60, { ...env, FAIRGATE_NTH: how }));
  run('llvm-profdata', ['merge', '-sparse', '-o', data, ...readdirSync(RAW).map((name) => `${RAW}/${name}`)]);
  const [first, ...others] = programs.map(({ program }) => program);
  const told = run('llvm-cov', ['export', '-format=text', `-instr-profile=${data}`, first,
    ...others.flatMap((program) => ['-object', program]), ...files]);
  return JSON.parse(told).data[0].files;
}

// The range of each assert( in the text.
function asserts(text) {
  const found = [];
  for (const { index } of text.matchAll(/\b(static_)?assert\(/g)) {
    let depth = 0, at = text.indexOf('(', index);
    do {
      if (text[at] === '(') depth++;
      if (text[at] === ')') depth--;
      at++;
    } while (depth > 0);
    found.push([index, at]);
  }
  return found;
}

// Whether this is the default of a switch over all values of an enum (the compiler warns of missing ones), the case of an
// enum's count, or a case that only asserts that it is never reached.
function neverTaken(text, from, to) {
  if (/^case \w+_COUNT$/.test(text.slice(from, to))) return true;
  if (text.startsWith('case ', from) && /^:\s*(case \w+:\s*)*assert\(false\)/.test(text.slice(to))) return true;
  if (!text.slice(0, from).endsWith('switch (')) return false;
  const body = text.slice(to, text.indexOf('\n}\n', to));
  const labels = [...body.matchAll(/\bcase (.+?):|\b(default):/g)].map(([, label]) => label);
  return labels.every((label) => /^[A-Z][A-Z0-9_]+$/.test(label ?? ''));
}

/** The branches of a file: { line, source, condition, outcome, taken }. */
function branchesOf(file) {
  const text = readFileSync(file.name, 'latin1');
  const starts = [0];
  for (const { index } of text.matchAll(/\n/g)) starts.push(index + 1);
  const placeOf = (line, column) => starts[line - 1] + column - 1;
  const left = asserts(text);
  const found = new Map();
  for (const [line, column, lineEnd, columnEnd, yes, no] of file.branches) {
    const from = placeOf(line, column), to = placeOf(lineEnd, columnEnd);
    if (left.some(([start, end]) => from >= start && to <= end)) continue;
    const never = neverTaken(text, from, to);
    for (const [outcome, times] of never ? [['false', no]] : [['true', yes], ['false', no]]) {
      const key = `${from} ${to} ${outcome}`;
      const branch = found.get(key) ??
        { line, source: text.slice(starts[line - 1], starts[line] ?? text.length).trim(), condition: short(text.slice(from, to)), outcome, taken: 0 };
      branch.taken += times;
      found.set(key, branch);
    }
  }
  return [...found.values()];
}

const percent = (part, whole) => (whole === 0 ? '' : `${(100 * part / whole).toFixed(1)} %`);

function tell(name, { lines, linesTaken, branches, branchesTaken }) {
  console.log([name.padEnd(40), percent(linesTaken, lines).padStart(8), String(branches).padStart(9), String(branches - branchesTaken).padStart(5),
    percent(branchesTaken, branches).padStart(8)].join(' '));
}

const sum = (rows) => rows.reduce((all, row) => Object.fromEntries(Object.keys(row).map((key) => [key, all[key] + row[key]])));

// ---- all of it ---------------------------------------------------------------------------------------

build('coverage', at);
const open = [];
const totals = new Map(); // core -> its figures
console.log(`${'module'.padEnd(40)}    lines  branches  open  branches`);
for (const core of CORES) {
  const modules = new Map();
  for (const counted of await count(core)) {
    const file = { name: counted.filename.slice(process.cwd().length + 1), ...counted };
    const branches = branchesOf(file);
    open.push(...branches.filter(({ taken }) => taken === 0).map((branch) => ({ file: file.name, ...branch })));
    const { lines } = file.summary;
    const row = { lines: lines.count, linesTaken: lines.covered, branches: branches.length, branchesTaken: branches.filter(({ taken }) => taken > 0).length };
    const name = nameOf(file.name);
    modules.set(name, modules.has(name) ? sum([modules.get(name), row]) : row);
  }
  [...modules].sort().forEach(([name, row]) => tell(name, row));
  if (modules.size === 0) continue;
  const all = sum([...modules.values()]);
  tell(`= ${core.tests}`, all);
  totals.set(core.tests, all);
}
if (totals.size === 0) throw new Error(`${asked.at} matches no module with a test whose path matches too`);
tell('= all', sum([...totals.values()]));

if (asked.open) open.forEach(({ file, line, condition, outcome }) => console.log(`${file}:${line}: ${condition} is never ${outcome}`));
if (asked.check) {
  const floors = new Map(rowsOf(LIST).filter(([kind]) => kind === 'floor').map(([, name, floor]) => [name, Number(floor)]));
  let failed = 0;
  for (const [name, { branches, branchesTaken }] of totals) {
    if (100 * branchesTaken >= floors.get(name) * branches) continue;
    failed++;
    console.log(`${name}: fewer branches than the ${floors.get(name)} % of ${LIST}`);
  }
  console.log(`${totals.size - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
