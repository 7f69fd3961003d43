// against.js COMMIT [SUITE...]: builds another commit and runs the suites of both trees in turns (theirs, ours, ours,
// theirs), each with its own bench. Prints each figure of both and their ratio: the mean of the two pairs, and each
// pair. If the pairs disagree, the difference is noise.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { figuresOf, fixed } from './lib/report.js';

const [ref, ...suites] = process.argv.slice(2);
const git = (...words) => spawnSync('git', words, { encoding: 'utf8' }).stdout.trim();
const commit = git('rev-parse', '--quiet', '--verify', `${ref}^{commit}`);
if (commit === '') {
  process.stderr.write(`bench: no commit called ${ref}\n`);
  process.exit(2);
}
const ours = git('rev-parse', '--show-toplevel');
const theirs = join(ours, 'build/against', commit.slice(0, 12));

function run(folder, command, ...words) {
  const { status, signal } = spawnSync(command, words, { cwd: folder, stdio: 'inherit' });
  if (status === null) throw new Error(`${command} was ended by ${signal}`);
  return status;
}

function need(folder, command, ...words) {
  const status = run(folder, command, ...words);
  if (status !== 0) throw new Error(`${[command, ...words].join(' ')} ended with ${status}`);
}

function build() {
  if (!existsSync(theirs)) {
    mkdirSync(join(ours, 'build/against'), { recursive: true });
    need(ours, 'git', 'clone', '--quiet', '--shared', '--no-checkout', ours, theirs);
  }
  need(theirs, 'git', 'checkout', '--quiet', '--detach', commit);
  if (!existsSync(join(theirs, 'node_modules'))) symlinkSync(join(ours, 'node_modules'), join(theirs, 'node_modules'));
  need(theirs, 'make', '--silent', `-j${cpus().length}`, 'VARIANT=release', 'programs');
}

// A missed bar makes a bench exit with 1, which is no failure here.
function figures(folder) {
  process.stdout.write(`\n==== ${folder === ours ? 'this tree' : commit.slice(0, 12)}\n`);
  run(folder, process.execPath, 'loadtest/bench/bench.js', ...suites);
  return figuresOf(JSON.parse(readFileSync(join(folder, 'build/bench/report.json'), 'utf8')));
}

build();
const turns = [];
for (const folder of [theirs, ours, ours, theirs]) turns.push(figures(folder));
const pairs = [[turns[1], turns[0]], [turns[2], turns[3]]];
process.stdout.write(`\n${'figure'.padEnd(72)} ${commit.slice(0, 12).padStart(12)} ${'this tree'.padStart(12)}   of theirs\n`);
const names = new Set(turns.flatMap(Object.keys));
const ratio = (n) => (Number.isFinite(n) ? fixed(n) : '-'); // there is no ratio to zero
const both = [...names].filter((name) => turns.every((all) => name in all));
for (const name of both) {
  const [a, b] = pairs.map(([our, their]) => our[name] / their[name]);
  const of = (n) => fixed((pairs[0][n][name] + pairs[1][n][name]) / 2).padStart(12);
  process.stdout.write(`${name.padEnd(72)} ${of(1)} ${of(0)}   ${ratio((a + b) / 2)} (${ratio(a)}, ${ratio(b)})\n`);
}
if (both.length < names.size) process.stdout.write(`${names.size - both.length} more were not found in all four turns\n`);
// Each tree has its own bench.
const changed = git('diff', '--name-only', commit, '--', 'loadtest/bench/*.suite.js');
if (changed !== '') process.stdout.write(`These have changed since, so their loads may differ:\n${changed}\n`);
