// run.js [--runs N] [--seed N] [--at-once N] [--table] [FAULT...]: causes faults during sales, and checks the
// invariants afterwards. For each fault of faults.js (or for those whose names begin with FAULT) it runs N sales, each
// with its own stack and seed. Appends each run to build/faults/runs.jsonl, and writes the table of all runs to
// build/faults/table.tsv. Exits with 1 if anything was found.
//
//   --runs N      sales for each fault (1)
//   --seed N      seed of the first sale; the others count up from it (default: from the time)
//   --at-once N   sales at the same time (1)
//   --table       only writes the table
//
//   FAIRGATE_BEFORE=DIR   programs of the previous version, for upgrade and downgrade. Without it they are built from the
//                         commit in campaign/before.

import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { delay, openScope, ROOT, runCrowd, seededRng } from '../../lib-js/index.js';
import { before } from './before.js';
import { faults } from './faults.js';
import { judge } from './judge.js';
import { NOW, openSale } from './sale.js';
import { tableOf } from './table.js';

const OUT = join(ROOT, 'build/faults');
const RUNS = join(OUT, 'runs.jsonl');
const VISITORS = 300;
const BEGINS_MS = [0, 4000]; // from the first visitor to the first strike
const PAUSE_MS = [500, 3000];
const STEPS = 8; // step numbers in the rows of sagas
const STEP_WAIT_MS = 5000;
const TEXTS = 5;
const TEXT_MAX = 600;
const RUN_MAX_MS = 600_000;
const AWAY = ' (nobody was there)';

const say = (text) => process.stdout.write(`${text}\n`);

// ---- one run ----

// -> {strikes: [text]}; every fault has ended by then.
async function breakIt(sale, fault, rng, crowd) {
  const strikes = [];
  if (fault.times > 0) await sale.untilThere();
  const began = Date.now();
  const note = (text) => strikes.push(`${((Date.now() - began) / 1000).toFixed(1)} s: ${text}${crowd.over ? AWAY : ''}`);
  for (let n = 0; n < fault.times; n += 1) {
    await delay(rng.between(...(n === 0 ? BEGINS_MS : PAUSE_MS)));
    // Every other strike waits until an order is in progress.
    if (n % 2 === 1 || rng.chance(0.3)) await sale.untilStep(rng.below(STEPS), STEP_WAIT_MS);
    const over = await fault.strike(sale, rng, note);
    await delay(rng.between(...fault.lasts));
    await over?.();
  }
  return strikes;
}

function deathsOf(sale) {
  const path = join(sale.stack.dir, 'log/deaths');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map((line) => line.replace(/^\d+ /, '')) : [];
}

async function runOne(scope, fault, seed) {
  const rng = seededRng({ diagnostic() {} }, seed + 1000 * faults.indexOf(fault));
  const began = Date.now();
  const wanted = fault.needs(rng, before);
  const sale = await openSale(scope, wanted, seed, VISITORS);
  sale.before = before;
  for (const part of fault.ends) {
    sale.stack.mayDie(part);
    if (part === 'queue-front') sale.stack.mayDie('queue-front-2');
  }
  const people = { over: false };
  const [crowd, strikes] = await Promise.all([
    runCrowd(scope, { scenario: 'faults', settings: { crowd: { seed }, targets: sale.targets }, timeoutMs: 180_000 }).finally(() => { people.over = true; }),
    breakIt(sale, fault, rng, people),
  ]);
  const met = {};
  for (const wire of Object.values(sale.wires))
    for (const [mode, times] of Object.entries(wire.met)) met[mode] = (met[mode] ?? 0) + times;
  const verdict = await judge(sale, crowd);
  const deaths = deathsOf(sale);
  const struck = strikes.some((text) => !text.endsWith(AWAY)) || (wanted.halts !== undefined && deaths.length > 0);
  const hit = fault.name === 'none' || (wanted.wires === undefined ? struck : Object.keys(met).length > 0);
  return { ...verdict, strikes, met, deaths, ended: crowd.ended, hit, tookMs: Date.now() - began };
}

function keep(run) {
  const commit = execFileSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  appendFileSync(RUNS, `${JSON.stringify({ at: new Date().toISOString(), commit, ...run })}\n`);
}

const shortened = (found) => Object.fromEntries(Object.entries(found).map(([name, texts]) =>
  [name, texts.slice(0, TEXTS).map((text) => text.slice(0, TEXT_MAX))]));

async function child(name, seed) {
  const fault = faults.find((one) => one.name === name);
  const scope = openScope();
  let result;
  try {
    result = await runOne(scope, fault, seed);
    result.found = shortened(result.found);
  } catch (error) {
    result = { broken: error.stack.slice(0, 2000) };
  }
  const bad = result.broken !== undefined || Object.values(result.found).some((texts) => texts.length > 0);
  if (bad && process.env.FAIRGATE_KEEP) execFileSync('cp', ['-a', scope.dir(), join(OUT, `${name.replaceAll(/\W+/g, '-')}-${seed}`)]);
  await scope.close().catch((error) => { result.closed = error.message.slice(0, TEXT_MAX); });
  keep({ fault: name, seed, ...result });
  process.exit(0);
}

// ---- all of them ----

const readRuns = () => (existsSync(RUNS) ? readFileSync(RUNS, 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []);

function told(run) {
  if (run.broken !== undefined) return `did not come to an end: ${run.broken.split('\n')[0]}`;
  const found = Object.entries(run.found).flatMap(([name, texts]) => texts.map((text) => `${name} ${text}`));
  const what = found.length > 0 ? `FOUND ${found.join('; ')}` : run.hit ? 'nothing found' : 'nothing was hit';
  return `${what} (${run.ended.done} of ${VISITORS} have tickets, at rest after ${(run.restMs / 1000).toFixed(0)} s, ${(run.tookMs / 1000).toFixed(0)} s in all)`;
}

async function spawned(name, seed) {
  const process_ = spawn(process.execPath, [fileURLToPath(import.meta.url), '--one', name, String(seed)], { stdio: ['ignore', 'ignore', 'ignore'] });
  const late = setTimeout(() => process_.kill('SIGTERM'), RUN_MAX_MS);
  await new Promise((resolve) => { process_.on('exit', resolve); });
  clearTimeout(late);
  let run = readRuns().findLast((one) => one.fault === name && one.seed === seed);
  if (run === undefined) keep(run = { fault: name, seed, broken: 'it was ended, after too long' });
  say(`${name}, seed ${seed}: ${told(run)}`);
  return run;
}

function parsed(argv) {
  const options = { runs: 1, seed: Date.now() % 1e6, at_once: 1, table: false, one: null, names: [] };
  const words = [...argv];
  while (words.length > 0) {
    const word = words.shift();
    if (word === '--one') options.one = [words.shift(), Number(words.shift())];
    else if (word === '--table') options.table = true;
    else if (/^--(runs|seed|at-once)$/.test(word)) options[word.slice(2).replace('-', '_')] = Number(words.shift());
    else options.names.push(word);
  }
  return options;
}

async function all({ runs, seed, at_once: atOnce, names }) {
  const chosen = faults.filter(({ name }) => names.length === 0 || names.some((begin) => name.startsWith(begin)));
  if (chosen.length === 0) throw new Error(`no such fault; there are ${faults.map(({ name }) => name).join(', ')}`);
  if (chosen.some(({ name }) => /grade$/.test(name))) before();
  const jobs = Array.from({ length: runs }, (_, n) => chosen.map(({ name }) => [name, seed + n])).flat();
  const done = [];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) done.push(await spawned(...job));
  }));
  return done;
}

process.env.FAIRGATE_VARIANT ??= 'release';
const options = parsed(process.argv.slice(2));
mkdirSync(OUT, { recursive: true });
if (options.one !== null) await child(...options.one);
if (!existsSync(join(NOW, 'crowd'))) throw new Error(`${NOW}/crowd is missing: make VARIANT=release programs`);
const done = options.table ? readRuns() : await all(options);
const table = tableOf(readRuns());
writeFileSync(join(OUT, 'table.tsv'), table);
say(table);
const bad = done.filter((run) => run.broken !== undefined || Object.values(run.found).some((texts) => texts.length > 0)).length;
say(`${done.length - bad} passed, ${bad} failed`);
process.exit(bad === 0 ? 0 : 1);
