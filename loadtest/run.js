// run.js SCENARIO [--seed N]: runs a scenario of loadtest/scenarios on its own stack: starts the stack, sends the crowd, kills
// parts if the scenario says so, checks, audits, stops the stack. Prints the outcome and writes build/loadtest/SCENARIO.json.
// Exits with 1 if anything is wrong.
//
//   FAIRGATE_CROWD_VISITORS=500 and similar variables override single settings of the scenario
//   FAIRGATE_PORT_BASE          the stack's ports (default: free ones)

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { asEnvironment } from '../tests/lib-js/crowd.js';
import { openScope } from '../tests/lib-js/scope.js';
import { ROOT } from '../tests/lib-js/service.js';
import { delay } from '../tests/lib-js/wait.js';
import { audit } from './lib/audit.js';
import { killParts } from './lib/faults.js';
import { missed } from './lib/happened.js';
import { watchGrowth } from './lib/growth.js';
import { openStage, operate } from './lib/stage.js';
import { watchFronts } from './lib/watch.js';

const BIN = join(ROOT, 'build/release/bin');
const JUDGE = ['--max-old-space-size=16384', join(ROOT, 'loadtest/judge/judge.js')]; // a million visitors' records take several gigabytes
const SCENARIOS = join(ROOT, 'loadtest/scenarios');
const OUT = join(ROOT, 'build/loadtest');
const SEATS_MAX = 4; // per visit, in the halls that infra/demo/halls generates

// Scenarios that are another with some settings changed.
const VARIANTS = {
  // At a rate at which one hall lasts for an hour. Parts are killed during the first quarter of an hour; after that memory and
  // open files may not grow.
  hour: ['night', {
    crowd: { event: 'hour', visitors: 14400, within: '60m', patience: '64m' },
    stage: { kill_every: '12s', kill_for: '15m', notice_every: '5m' },
    expect: { min_placed: 98, min_passed: 85, min_done: 70, max_waiting: 2, max_lost: 10, max_growth: 10, min_eta_p90: 0 },
  }],
};

const say = (text) => process.stdout.write(`${text}\n`);

function usage(why) {
  const names = [...readdirSync(SCENARIOS).filter((name) => name.endsWith('.conf')).map((name) => name.slice(0, -5)), ...Object.keys(VARIANTS)];
  process.stderr.write(`run: ${why}\nusage: node loadtest/run.js SCENARIO [--seed N]; there are ${names.join(', ')}\n`);
  process.exit(2);
}

function parsed(argv) {
  const words = [...argv];
  const at = words.indexOf('--seed');
  const seed = at < 0 ? null : words.splice(at, 2)[1];
  if (at >= 0 && !/^\d+$/.test(seed ?? '')) usage('--seed N, a number');
  if (words.length !== 1) usage('which scenario?');
  const [base, changes] = VARIANTS[words[0]] ?? [words[0], {}];
  const path = existsSync(base) ? base : join(SCENARIOS, `${base}.conf`);
  if (!existsSync(path)) usage(`there is no ${path}`);
  for (const [name, value] of Object.entries(asEnvironment(changes))) process.env[name] ??= value;
  return { name: basename(words[0], '.conf'), path, seed: seed ?? String(Date.now() % 2 ** 31) };
}

// Keys and users are files of the stack. Before the stack exists, any path will do.
function settingsOf(path) {
  const file = '/nowhere';
  const env = asEnvironment({ targets: { users_file: file, service_token_file: file } });
  try {
    return JSON.parse(execFileSync(join(BIN, 'crowd'), [path, '--print'], { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
  } catch {
    process.exit(2); // crowd has printed the reason
  }
}

// The crowd inherits our output, so that a terminal shows its panel.
function runCrowd(scope, path, settings) {
  const child = spawn(join(BIN, 'crowd'), [path], {
    env: { ...process.env, ...asEnvironment(settings) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  scope.defer(() => child.exitCode === null && child.kill('SIGKILL'));
  return new Promise((resolve) => child.on('exit', (code) => resolve(code)));
}

function judge(dir, path, { soldOut }) {
  const records = readdirSync(dir).filter((name) => /^record\.\d+$/.test(name)).map((name) => join(dir, name));
  const json = join(dir, 'verdict.json');
  const argv = ['--scenario', path, '--seats-max', SEATS_MAX, '--json', json];
  if (soldOut !== null && soldOut !== undefined) say(`sold out after ${soldOut.toFixed(1)} s`);
  try {
    execFileSync(process.execPath, [...JUDGE, ...argv.map(String), ...records], { stdio: 'inherit' });
  } catch (error) {
    if (error.status !== 1) throw error;
  }
  return JSON.parse(readFileSync(json, 'utf8'));
}

async function runScenario(scope, { name, path, seed }) {
  const settings = settingsOf(path);
  say(`${name}: seed ${seed} (--seed ${seed} brings the same people back)`);
  const stage = await openStage(scope, settings);
  const dir = scope.tempDir('crowd-');
  const watch = watchFronts(stage);
  const killing = killParts(stage, Number(seed), say);
  const growth = watchGrowth(stage);
  const operating = operate(stage, say);
  const report = join(dir, 'report.json');
  const code = await runCrowd(scope, path, {
    crowd: { seed, record: join(dir, 'record'), report },
    targets: stage.targets(),
  });
  const kills = await killing();
  const stamps = await operating();
  const machine = await watch();
  const grown = await growth(kills.at(-1)?.at_ms);
  if (code !== 0) throw new Error(`the crowd ended with ${code}`);
  if (kills.length > 0) await stage.stack.up(); // starts parts that are held back after repeated crashes
  const run = JSON.parse(readFileSync(report, 'utf8'));
  const verdict = judge(dir, path, stamps);
  const books = settings.journey.to === 'order' ? await audit(stage.stack, stage.event, { claimed: verdict }) : null;
  const others = [...missed({ settings, run, kills, operator: stamps }), ...grown.findings, ...(books?.findings ?? [])];
  if (settings.expect.max_growth > 0 && books?.toShop > 0) others.push(`left-in-queue: ${books.toShop} orders are still on their way to the shop`);
  others.push(...stage.stack.findings().map(({ what, text }) => `${what}\n${text}`));
  const findings = [...verdict.found, ...others];
  return { scenario: name, seed: Number(seed), at: new Date().toISOString(), settings, run, verdict, books, machine, growth: grown.lines, kills, operator: stamps, findings, findings_total: verdict.findings + others.length };
}

function tell(result) {
  const { machine, growth, books, findings } = result;
  for (const line of [...machine.lines, ...growth]) say(`  ${line}`);
  const over = result.run.took_us["tickets to visit's end"];
  if (over) say(`  from the tickets to the end of the visit: p50 ${over.p50 / 1000} ms, p99 ${over.p99 / 1000} ms, ${over.max / 1000} ms at most; ${result.run.visits_unended} left to run out`);
  if (books) say(`  books: ${books.completed} orders, ${books.seats} seats, ${books.captured} captured, ${books.inShop} in the shop, ${books.toShop} on their way to it`);
  for (const what of books?.notJudged ?? []) say(`  not judged: ${what}`);
  for (const finding of findings) say(`FOUND: ${finding}`);
  mkdirSync(OUT, { recursive: true });
  const file = join(OUT, `${result.scenario}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  say(`${result.scenario}: ${result.findings_total === 0 ? 'nothing found' : `${result.findings_total} FOUND`}; ${file}`);
}

process.env.FAIRGATE_VARIANT ??= 'release';
process.env.FAIRGATE_DURABLE = '1'; // tests/lib-js/postgres.js
const asked = parsed(process.argv.slice(2));
if (!existsSync(join(BIN, 'crowd'))) usage(`${BIN}/crowd is missing: make VARIANT=release programs`);
const scope = openScope();
let bad = true;
try {
  const result = await runScenario(scope, asked);
  tell(result);
  bad = result.findings_total > 0;
} catch (error) {
  process.stderr.write(`run: ${error.stack}\n`);
} finally {
  const late = delay(60_000).then(() => { throw new Error('what was started does not end within a minute'); });
  await Promise.race([scope.close(), late]).catch((error) => {
    process.stderr.write(`run: ${error.message}\n`);
    bad = true;
  });
}
process.exit(bad ? 1 : 0);
