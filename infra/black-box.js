// black-box.js FILE...: runs test files, each in its own process, five at a time, and ends with "N passed, N failed". The
// files of tests/promises measure durations, so they run last, one at a time and with nothing else. FAIRGATE_TIMES=50 runs
// each file 50 times.
//
// A failed test stays failed. If few files failed, they run once more, alone, which shows whether each test passes alone. A
// file that timed out is not run again, because what it started may still be running. Both runs draw random values from one
// seed; FAIRGATE_SEED sets it. Tests excused by tests/shaky.md are counted separately.
//
// Temporary folders are in memory if there is enough of it (infra/memory).
//
// The slowest files are listed at the end with costs (tests/lib-js/costs.js); build/costs lists all files, of all runs.
//
// On SIGTERM, SIGINT or SIGHUP it starts no more files and stops the running ones; each stops what it started
// (tests/lib-js/scope.js). Files that take too long to stop are killed, and the kernel ends their children. The same happens
// if this process itself is killed (infra/with-parent).
//
// A finding (tests/lib-js/findings.js) is never excused: each one in the folder at the end counts as failed, even if every
// test passed.

import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { run } from 'node:test';
import { constants, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { costsOf } from '../tests/lib-js/costs.js';
import { findings, FOUND, keepFinding } from '../tests/lib-js/findings.js';
import { isExcused } from './shaky.js';
import { judge } from './test-reporter.js';

// For two cores: a browser keeps one core busy; most other tests mostly wait.
const BROWSERS = 2;
const OTHERS = Number(process.env.FAIRGATE_OTHERS ?? 3);
const FEW = 6; // rerun at most this many files: more would take long and show nothing
const LONGEST = 10;
const COSTS = 'build/costs'; // of all files that ever ran here
// A process that does not end has failed. The longest file of `make test` takes four minutes, or twenty on a busy machine. Tests
// that build packages, images or machines, and long forms of `make soak`, may take an hour.
const FILE_MAX_MS = Number(process.env.FAIRGATE_FILE_MAX_S ?? 40 * 60) * 1000;

process.env.TMPDIR = execFileSync(new URL('memory', import.meta.url).pathname, { encoding: 'utf8' }).trim();

// run() starts each file with this Node, whatever PATH says.
process.env.FAIRGATE_NODE = process.execPath;
process.env.FAIRGATE_PARENT = process.pid;
process.execPath = new URL('with-parent', import.meta.url).pathname;

const END_MS = 90_000; // a service may take a minute to end

// The running children; each is one test file.
const below = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);

const stopping = new AbortController(); // sends SIGTERM to each child
let ending = null;
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => { ending ??= end(signal); });

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it has already exited
  }
}

async function end(signal) {
  stopping.abort();
  for (const until = Date.now() + END_MS; below().length > 0 && Date.now() < until;) await new Promise((go) => { setTimeout(go, 20); });
  for (const pid of below()) kill(pid);
  process.exit(128 + constants.signals[signal]);
}

// Large files usually run longest, so they start first: none starts so late that it runs on alone.
const largestFirst = (files) => files.map((file) => ({ file, size: statSync(file).size })).sort((a, b) => b.size - a.size).map(({ file }) => file);

// Browser tests and other tests run side by side, each kind with its own concurrency.
async function tellSideBySide(some) {
  const ofPages = (file) => file.includes('/browser/');
  const [pages, others] = [some.filter(ofPages), some.filter((file) => !ofPages(file))];
  return (await Promise.all([tell(largestFirst(pages), BROWSERS), tell(largestFirst(others), OTHERS)])).flat();
}

async function tell(some, concurrency) {
  const tests = [];
  if (some.length === 0) return tests;
  for await (const { line, test, said } of judge(run({ files: some, concurrency, timeout: FILE_MAX_MS, signal: stopping.signal }))) {
    process.stdout.write(line);
    if (test !== undefined) tests.push(test);
    if (said !== undefined && FOUND.test(said.text)) keepFinding(`${relative('', said.file)} wrote what no program may say`, said.text);
  }
  await ending; // never resolves: end() exits the process
  return tests;
}

const costs = mkdtempSync(join(tmpdir(), 'fairgate-costs-'));
process.env.FAIRGATE_COSTS = join(costs, 'files');
process.env.FAIRGATE_TEST_SECRETS ??= join(costs, 'secrets'); // shared by the services of all files (tests/lib-js/service.js)
process.on('exit', () => rmSync(costs, { recursive: true, force: true }));

function tellLongest() {
  if (!existsSync(process.env.FAIRGATE_COSTS)) return;
  const all = costsOf(readFileSync(process.env.FAIRGATE_COSTS, 'utf8')).filter(({ file }) => files.includes(file));
  const row = ({ file, cpu, took }) => `  ${took.toFixed(0).padStart(4)} s and ${cpu.toFixed(0).padStart(4)} s of CPU  ${relative('', file)}`;
  console.log(`${all.reduce((sum, { cpu }) => sum + cpu, 0).toFixed(0)} s of CPU; the longest files:`);
  const rows = all.sort((a, b) => b.took - a.took).map(row);
  console.log(rows.slice(0, LONGEST).join('\n'));
  if (!existsSync('build')) return;
  const others = existsSync(COSTS) ? readFileSync(COSTS, 'utf8').split('\n').filter((line) => line && !rows.some((own) => own.split('  ').at(-1) === line.split('  ').at(-1))) : [];
  writeFileSync(COSTS, `${[...rows, ...others].join('\n')}\n`);
}

const times = Number(process.env.FAIRGATE_TIMES ?? 1);
const files = process.argv.slice(2).map((file) => resolve(file)).flatMap((file) => Array(times).fill(file));
const isPromise = (file) => file.includes('/promises/');
const failed = (tests) => tests.filter(({ passed }) => !passed);
const sameAgain = () => `FAIRGATE_SEED=${process.env.FAIRGATE_SEED} draws the same again`;

// With FAIRGATE_TIMES each run draws its own seed: repeated runs are for finding new failures.
if (times === 1) {
  process.env.FAIRGATE_SEED ||= String(randomInt(1, 2 ** 31));
  console.log(sameAgain());
}

const tests = [...await tellSideBySide(files.filter((file) => !isPromise(file))), ...await tell(files.filter(isPromise), 1)];
const where = ({ file, name }) => `${file === undefined ? '' : relative('', file)}: ${name}`;
const excused = failed(tests).filter(({ file, name }) => times === 1 && file !== undefined && isExcused(file, name));
const red = failed(tests).filter((test) => !excused.includes(test));
const again = [...new Set(red.map(({ file }) => file))];
const isEnded = ({ holder, why }) => holder && /^\s*'?test timed out after/.test(why);
if (times === 1 && again.length > 0 && again.length <= FEW && !again.includes(undefined) && !tests.some(isEnded) && findings().length === 0) {
  console.log(`once more, one after the other, with what was drawn before: ${again.map((file) => relative('', file)).join(', ')}`);
  const passes = new Set((await tell(again, 1)).filter(({ passed }) => passed).map(where));
  for (const test of red.filter(({ holder }) => !holder)) console.log(`  alone ${where(test)}: ${passes.has(where(test)) ? 'passes' : 'fails, too'}`);
}
for (const test of excused) console.log(`  shaky ${where(test)}: excused by tests/shaky.md`);

// A file that timed out writes, a moment later, what it was waiting for.
const open = `${process.env.FAIRGATE_COSTS}-open`;
const givenUp = tests.some(({ why }) => /test timed out after/.test(why));
for (let i = 0; givenUp && i < 50 && !existsSync(open); i += 1) await new Promise((go) => { setTimeout(go, 100); });
if (existsSync(open)) console.log(readFileSync(open, 'utf8'));
tellLongest();
const found = findings();
for (const { file, text } of found) console.log(`FOUND  ${relative('', file)}: ${text}`);
const lost = red.length + found.length;
if (lost > 0 && times === 1) console.log(sameAgain());
console.log(`${tests.length - failed(tests).length} passed, ${lost} failed`);
process.exit(lost === 0 && tests.length > excused.length ? 0 : 1);
