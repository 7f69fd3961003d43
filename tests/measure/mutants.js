// mutants [--draw N | --all | --again] [--seed S] [--at PATTERN] [--in PATTERN] [--near S] [--list]: do the unit tests
// notice a change to the program? Makes small changes to the core modules (changes.js), one at a time, and runs the
// unit tests that the changed module is linked into. A change that no test notices has lived. A change that gives
// the same machine code is not counted.
//
//   --draw 60      tries that many of all possible changes, chosen by --seed (default 60)
//   --all          tries all of them, which takes hours, or minutes for one file
//   --again        tries those that lived in the previous run
//   --at PATTERN   only files whose path matches
//   --in PATTERN   only functions whose whole name matches
//   --near S       runs only the nearest tests, up to S seconds of CPU time in all
//   --list         only prints the possible changes
//
//   --least P      the least percentage of the counted changes that must be noticed or listed (default 90)
//
// tests/measure/mutants.tsv lists changes that may live, and why. Ends with "N passed, N failed": N passed are changes noticed or
// listed; if their share is below --least, the failed ones are those that lived. A run that tried no change fails.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRng } from '../lib-js/rng.js';
import { changesOf } from './changes.js';
import { CORES, build, filesOf, inParallel, keyOfRow, nameOf, programsOf, rowsOf, run, runTest } from './cores.js';
import { failedOf, percentOf } from './floor.js';

const OUT = 'build/quick';
const OWN = `${OUT}/mutants`;
const FOLDERS = `${OWN}/run-${process.pid}-`; // two runs may overlap
const LIVING = 'tests/measure/mutants.tsv';
const CC = 'gcc';

const CPU_S_MAX = 20; // slower tests are not used here
const limitS = ({ cpuS }) => 0.5 + 4 * cpuS; // an endless test uses all of it

const { values: asked } = parseArgs({
  options: {
    draw: { type: 'string', default: '60' }, seed: { type: 'string' }, least: { type: 'string', default: '90' }, at: { type: 'string', default: '.' }, in: { type: 'string', default: '.*' }, near: { type: 'string', default: 'Infinity' },
    all: { type: 'boolean' }, again: { type: 'boolean' }, list: { type: 'boolean' },
  },
});

// ---- modules and their tests -----------------------------------------------------------------------

function modulesOf(core) {
  const files = filesOf(core);
  const [compile, link] = run('make', ['-s', 'VARIANT=quick', 'recipe-of', `FILE=${files[0]}`, `TESTS=${core.tests}`])
    .split('\n').map((line) => line.split(' ').filter(Boolean));
  return files.filter((file) => new RegExp(asked.at).test(file)).map((file) => ({ file, core, compile, link }));
}

// The nearest first: the module's own test, then those of its folder.
function judgesOf(module) {
  const names = run('nm', ['--defined-only', '-g', `${OUT}/obj/${module.file.slice(0, -2)}.o`]).split('\n')
    .map((line) => line.split(' ')[2]).filter(Boolean);
  const words = new Set(module.file.split(/[/._]/));
  const nearness = ({ program }) => program.split(/[/._]/).filter((word) => words.has(word)).length;
  module.core.programs ??= programsOf(module.core, OUT);
  return module.core.programs.filter((each) => names.some((name) => each.names.has(name)))
    .sort((a, b) => nearness(b) - nearness(a));
}

// Tests that pass unchanged, and fast enough. Cached between runs as long as a program is the same.
async function measure(tests) {
  const file = `${OWN}/tests.json`;
  const known = existsSync(file) ? JSON.parse(readFileSync(file)) : {};
  await inParallel(tests, async (test) => {
    const { mtimeMs } = statSync(test.program);
    if (known[test.program]?.mtimeMs !== mtimeMs) known[test.program] = { mtimeMs, ...await runTest(test.program, CPU_S_MAX) };
    Object.assign(test, known[test.program]);
    if (!test.ok && test.cpuS < CPU_S_MAX - 1) throw new Error(`${test.program} fails as it is`);
  });
  writeFileSync(file, JSON.stringify(known));
}

// The tests that fit the limit. The module's own test always runs.
function afforded(judges) {
  let cpuS = 0;
  return judges.filter((test, i) => {
    if (i > 0 && cpuS + test.cpuS > Number(asked.near)) return false;
    cpuS += test.cpuS;
    return true;
  });
}

// Resolves to the compiler's error, or '' if there is none.
function compilerSays(args) {
  return new Promise((resolve) => {
    const child = spawn(CC, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes) => { said += bytes; });
    child.on('close', (status) => resolve(status === 0 ? '' : said || `status ${status}`));
  });
}

// Like the build, but from another folder: assert() and the object still name the file by its own path.
function compile(module, text, folder) {
  const source = join(folder, basename(module.file));
  writeFileSync(source, Buffer.from(`#line 1 "${module.file}"\n${text}`, 'latin1'));
  return compilerSays(['-c', '-w', '-g0', '-o', join(folder, 'module.o'), source, ...module.compile]);
}

async function link(module, test, folder) {
  const program = join(folder, 'test');
  const said = await compilerSays(['-fuse-ld=gold', '-o', program, `${OUT}/obj/${test.program.slice(OUT.length + 1)}.o`, join(folder, 'module.o'), ...module.link]);
  if (said !== '') throw new Error(said);
  return program;
}

// ---- trying a change -------------------------------------------------------------------------------

const changed = ({ module, change }) => module.text.slice(0, change.at) + change.text + module.text.slice(change.end);

function folderOf(worker) {
  const folder = `${FOLDERS}${worker}`;
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function objectOf(module, text, folder) {
  return await compile(module, text, folder) === '' ? readFileSync(join(folder, 'module.o')) : undefined;
}

// 'broken': invalid C; 'nothing': the same machine code; 'killed'; 'lived'.
async function judge(mutant, worker) {
  const { module } = mutant;
  const folder = folderOf(worker);
  module.object ??= await objectOf(module, module.text, folder);
  const object = await objectOf(module, changed(mutant), folder);
  if (object === undefined) return 'broken';
  if (object.equals(module.object)) return 'nothing';
  for (const test of module.judges) {
    const { ok } = await runTest(await link(module, test, folder), limitS(test));
    if (!ok) return 'killed';
  }
  return 'lived';
}

// ---- choosing changes ------------------------------------------------------------------------------

function treeOf(module) {
  const args = ['-Xclang', '-ast-dump=json', '-fsyntax-only', '-w', module.file, ...module.compile];
  return JSON.parse(run('clang', args));
}

// Cached between runs, since asking clang about a hundred files takes longer than checking twenty changes.
function changesIn(module) {
  const sum = createHash('sha256').update(module.text, 'latin1').update(readFileSync('tests/measure/changes.js')).digest('hex');
  const kept = `${OWN}/${module.file.replaceAll('/', '-')}.json`;
  const before = existsSync(kept) ? JSON.parse(readFileSync(kept, 'latin1')) : {};
  if (before.sum === sum) return before.changes;
  const changes = changesOf(module.text, treeOf(module));
  writeFileSync(kept, Buffer.from(JSON.stringify({ sum, changes }), 'latin1'));
  return changes;
}

const keyOf = ({ module, change }) => `${module.file} | ${change.within} | ${change.source} | ${change.what}`;

function allOf(modules) {
  const inside = new RegExp(`^(${asked.in})$`);
  return modules.flatMap((module) => {
    module.text = readFileSync(module.file, 'latin1');
    return changesIn(module).filter(({ within }) => inside.test(within)).map((change) => ({ module, change }));
  });
}

// ---- the list of those that may live ---------------------------------------------------------------

const readLiving = () => new Set(rowsOf(LIVING).map((row) => keyOfRow(...row.slice(0, -1))));

// Sources are read as one character per byte, so that positions are bytes; the list is UTF-8.
function isListed(living, { module, change }) {
  return living.has(keyOfRow(module.file, ...[change.within, change.source, change.what].map((code) => Buffer.from(code, 'latin1').toString())));
}

// ---- all of it -------------------------------------------------------------------------------------

function tell(results) {
  const kinds = ['drawn', 'nothing', 'killed', 'listed', 'lived'];
  const rows = new Map();
  for (const { module, verdict } of results) {
    if (verdict === 'broken') continue;
    const names = [nameOf(module.file), 'all'];
    for (const name of names) {
      const row = rows.get(name) ?? Object.fromEntries(kinds.map((kind) => [kind, 0]));
      row.drawn++;
      row[verdict]++;
      rows.set(name, row);
    }
  }
  const share = ({ killed, listed, lived }) => (killed + listed + lived === 0 ? '' : `${(100 * killed / (killed + listed + lived)).toFixed(1)} %`);
  console.log(`${'module'.padEnd(44)} drawn  same code  killed  listed  lived  killed of those that change anything`);
  const all = rows.get('all') ?? Object.fromEntries(kinds.map((kind) => [kind, 0]));
  rows.delete('all');
  for (const [name, row] of [...[...rows].sort(), ['all', all]])
    console.log(`${name.padEnd(44)} ${[[row.drawn, 5], [row.nothing, 10], [row.killed, 7], [row.listed, 7], [row.lived, 6]].map(([n, wide]) => String(n).padStart(wide)).join(' ')}  ${share(row)}`);
  return all;
}

function show({ module, change }) {
  const before = module.text.split('\n');
  const after = changed({ module, change }).split('\n');
  const at = change.line - 1;
  const until = at + module.text.slice(change.at, change.end).split('\n').length;
  const untilAfter = at + module.text.slice(change.at, change.end).split('\n').length + after.length - before.length;
  console.log(`${module.file}:${change.line}: ${change.what}`);
  before.slice(at, until).forEach((line) => console.log(`  - ${line}`));
  after.slice(at, untilAfter).forEach((line) => console.log(`  + ${line}`));
}

async function main() {
  const started = Date.now();
  const least = percentOf(asked.least);
  const at = new RegExp(asked.at);
  const cores = CORES.filter((core) => filesOf(core).some((file) => at.test(file)));
  if (cores.length === 0) throw new Error(`no module of a core is called ${asked.at}`);
  build('quick', /./, cores);
  process.env.CCACHE_DISABLE = '1'; // it would store each change, and give clang a text other than the file's
  mkdirSync(OWN, { recursive: true });
  const last = `${OWN}/lived.json`;
  const before = asked.again ? new Set(JSON.parse(readFileSync(last, 'utf8'))) : undefined;
  const modules = CORES.flatMap(modulesOf).filter(({ file }) => !before || [...before].some((key) => key.startsWith(`${file} `)));
  const every = allOf(modules);
  if (asked.list) {
    every.forEach((mutant) => console.log(`${mutant.module.file}:${mutant.change.line}: ${mutant.change.what}`));
    return true;
  }

  const seed = asked.seed ?? String(Math.floor(Math.random() * 1e9));
  let drawn = asked.all ? every : seededRng({ diagnostic: () => {} }, Number(seed)).shuffle(every).slice(0, Number(asked.draw));
  if (before) drawn = every.filter((mutant) => before.has(keyOf(mutant)));
  console.log(`${drawn.length} of ${every.length} changes in ${modules.length} modules, seed ${seed}`);

  const touched = [...new Set(drawn.map(({ module }) => module))];
  touched.forEach((module) => { module.judges = judgesOf(module); });
  await measure([...new Set(touched.flatMap(({ judges }) => judges))]);
  touched.forEach((module) => { module.judges = afforded(module.judges.filter(({ ok }) => ok)); });

  const living = readLiving();
  await inParallel(drawn, async (mutant, worker) => {
    mutant.verdict = await judge(mutant, worker);
    if (mutant.verdict === 'lived') {
      if (isListed(living, mutant)) mutant.verdict = 'listed';
      else show(mutant);
    }
  });
  const lived = drawn.filter(({ verdict }) => verdict === 'lived');
  writeFileSync(last, JSON.stringify(lived.map(keyOf)));
  readdirSync(OWN).map((name) => join(OWN, name)).filter((name) => name.startsWith(FOLDERS)).forEach((name) => rmSync(name, { recursive: true }));

  const all = tell(drawn);
  console.log(`${Math.round((Date.now() - started) / 1000)} s, seed ${seed}`);
  const noticed = all.killed + all.listed;
  const failed = failedOf({ noticed, lived: all.lived }, least);
  console.log(`${noticed} passed, ${failed} failed`);
  return failed === 0;
}

process.exitCode = (await main()) ? 0 : 1;
