// coverage [--open | --check]: which lines and branches of the core modules do their unit tests come to? Counted by
// clang (VARIANT=coverage), in the programs as they are.
//
// A branch is one outcome of a condition, or of a part of it that && and || join: each has two. Those inside an
// assert() are not counted: that one never fails is the test. Those inside a macro of ours are not either, but
// what is handed to it is. A file's figures are those of its .c and .h together.
//
//   --open   prints each branch that is not come to
//   --check  compares their numbers with tests/coverage.md, which says why; ends with "N passed, N failed", in modules

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CORES, build, filesOf, inParallel, nameOf, programsOf, run, runTest, short } from './cores.js';

const OUT = 'build/coverage';
const RAW = `${OUT}/raw`;
const LIST = 'tests/coverage.md';

const { values: asked } = parseArgs({ options: { open: { type: 'boolean' }, check: { type: 'boolean' } } });

async function count(core) {
  const programs = programsOf(core, OUT);
  const data = `${OUT}/${core.tests}.profdata`;
  rmSync(RAW, { recursive: true, force: true });
  mkdirSync(RAW, { recursive: true });
  await inParallel(programs, async ({ program }) => {
    const { ok } = await runTest(program, 300, { LLVM_PROFILE_FILE: `${RAW}/%p.profraw` });
    if (!ok) throw new Error(`${program} fails`);
  });
  run('llvm-profdata', ['merge', '-sparse', '-o', data, ...readdirSync(RAW).map((name) => `${RAW}/${name}`)]);
  const [first, ...others] = programs.map(({ program }) => program);
  const files = [...filesOf(core), ...filesOf(core, '.h')];
  const told = run('llvm-cov', ['export', '-format=text', `-instr-profile=${data}`, first,
    ...others.flatMap((program) => ['-object', program]), ...files]);
  return JSON.parse(told).data[0].files;
}

// Where an assert( begins and ends, as places in the text.
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
    for (const [outcome, times] of [['true', yes], ['false', no]]) {
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

build('coverage');
const open = [];
const opened = new Map(); // module -> number
const totals = [];
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
  [...modules].sort().forEach(([name, row]) => {
    tell(name, row);
    opened.set(name, row.branches - row.branchesTaken);
  });
  const all = sum([...modules.values()]);
  tell(`= ${core.tests}`, all);
  totals.push(all);
}
tell('= all', sum(totals));

if (asked.open) open.forEach(({ file, line, condition, outcome }) => console.log(`${file}:${line}: ${condition} is never ${outcome}`));
if (asked.check) {
  const listed = new Map([...readFileSync(LIST, 'utf8').matchAll(/^\| (\S+) \| (\d+) \|/gm)].map(([, name, count]) => [name, Number(count)]));
  let failed = 0;
  for (const [name, count] of opened) {
    const known = listed.get(name) ?? 0;
    if (count === known) continue;
    failed++;
    console.log(`${name}: ${count} branches are open, ${LIST} says ${known}`);
  }
  console.log(`${opened.size - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
