// The core modules and the unit tests that check them: deterministic ones without a database. A database takes seconds
// to start and is no part of a core; what threads do differs from run to run.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));

// A core, the component whose tests check it, and their folder. Of common these are the folders that cores may include
// (infra/rooms.js), checked by the tests named after a module: all of common's tests are in one folder.
export const CORES = [
  { folders: ['common/base', 'common/crypto', 'common/pace', 'common/sale'], tests: 'common', judges: 'tests/unit/common', byName: true },
  { folders: ['queue-front/src/core'], tests: 'queue-front', judges: 'tests/unit/queue-front/core' },
  { folders: ['seat-service/src/core'], tests: 'seat-service', judges: 'tests/unit/seat-service/core' },
  { folders: ['payment-adapter/src/core'], tests: 'payment-adapter', judges: 'tests/unit/payment-adapter/core' },
];

export function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'latin1', maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

export const JOBS = Number(process.env.JOBS ?? availableParallelism());

export function build(variant, at = /./, cores = CORES) {
  const programs = cores.flatMap(sourcesOf).filter((source) => at.test(source)).map((source) => `build/${variant}/${source.slice(0, -2)}`);
  run('make', ['-s', `-j${JOBS}`, `VARIANT=${variant}`, ...programs]);
}

const below = (folder, end) => readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith(end)).map((name) => `${folder}/${name}`).sort();

export const filesOf = ({ folders }, end = '.c') => folders.flatMap((folder) => below(folder, end));

function sourcesOf({ folders, judges, byName }) {
  const modules = new Set(folders.flatMap((folder) => below(folder, '.c')).map((file) => basename(file, '.c')));
  return below(judges, '_test.c').filter((source) => !source.endsWith('_threads_test.c'))
    .filter((source) => !byName || modules.has(basename(source, '_test.c')));
}

/** The programs of a core's tests: { program, names }, where names are all objects linked in. */
export function programsOf(core, out, at = /./) {
  return sourcesOf(core).filter((source) => at.test(source)).map((source) => {
    const program = `${out}/${source.slice(0, -2)}`;
    const names = new Set(run('nm', ['--defined-only', program]).split('\n').map((line) => line.split(' ')[2]));
    return { program, names };
  }).filter(({ names }) => !names.has('pg_fixture_dsn') && !names.has('redis_server_start'));
}

export function inParallel(list, judge) {
  let next = 0;
  const one = async (worker) => {
    while (next < list.length) await judge(list[next++], worker);
  };
  return Promise.all(Array.from({ length: JOBS }, (_, worker) => one(worker)));
}

/** Fixed seeds. */
export const TEST_ENV = { FAIRGATE_SOAK: undefined, FAIRGATE_SEED: '1', FAIRGATE_TEST_SEED: '1' };

/** Runs a test with fixed seeds. The limit is CPU time, so that a busy machine fails nothing; wall time is only limited
 * in case all its threads wait for each other. Resolves to { ok, cpuS }. */
export function runTest(program, cpuS, env = {}) {
  const script = 'ulimit -t "$1" -v 4000000 -c 0; TIMEFORMAT="%U %S"; time "$2" >/dev/null 2>&1';
  return new Promise((resolve) => {
    const child = spawn('timeout', ['300', 'bash', '-c', script, '-', String(Math.ceil(cpuS)), program], {
      env: { ...process.env, ...TEST_ENV, ...env }, stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (bytes) => { said += bytes; });
    child.on('close', (status) => {
      const [user, system] = (said.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
      resolve({ ok: status === 0, cpuS: (user || 0) + (system || 0) });
    });
  });
}

// ---- the lists next to this file: fields between tabs, the last one a reason --------------------------

/** The rows of a list, as arrays of fields. */
export const rowsOf = (list) => readFileSync(list, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split('\t'));

/** Fields in the form used to compare them with a row's. */
export const keyOfRow = (...fields) => fields.map((field) => field.replaceAll('\t', ' ')).join('\t');

/** Shortens code to one line. */
export function short(code) {
  const line = code.replace(/\s+/g, ' ').trim();
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}

/** src/core is left out of names. */
export const nameOf = (file) => file.replace('/src/core/', '/').replace(/\.[ch]$/, '');
