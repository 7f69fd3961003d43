// A whole stack in a private folder, controlled by the same script as `make up`.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FOUND, keepFinding } from './findings.js';
import { assertStatus, client } from './http.js';
import { freePortBase } from './ports.js';
import { CLUSTER, psqlPath } from './postgres.js';
import { procText } from './proc.js';
import { ROOT } from './service.js';
import { until } from './wait.js';

const STACK = join(ROOT, 'infra/stack/stack');
const FAKE = join(ROOT, 'tests/integration/fake-service.js');
const RELEASE = join(ROOT, 'build/release/bin');
const PRIVATE = { queue: 11, seats: 12, pay: 13, psp: 14 }; // ports of private listeners, from the base

// A shell's message when one of its commands crashed.
const SHELL_SAYS = /^(Aborted|Segmentation fault|Bus error|Illegal instruction|Floating point exception)\b/;

// A folder with bin/NAME for each name, a link to `target(name)`.
function linkBuild(scope, names, target) {
  const dir = scope.tempDir('build-');
  mkdirSync(join(dir, 'bin'));
  for (const name of names) symlinkSync(target(name), join(dir, 'bin', name));
  return dir;
}

// A build of stand-ins, for the real stores and edge.
export const fakeBuild = (scope, names) => linkBuild(scope, names, () => FAKE);

// `names` of the release build; other parts are missing from the stack.
export const partOfBuild = (scope, names, from = RELEASE) => linkBuild(scope, names, (name) => join(from, name));

// The release build, or `names` of it, but the sample halls have other limits, such as {hold_ttl_s: 20}. `hall`: always this
// hall, whichever is requested.
export function buildWithLimits(scope, limits, { names, from = RELEASE, hall = '"$@"' } = {}) {
  const dir = partOfBuild(scope, (names ?? readdirSync(from)).filter((name) => name !== 'halls'), from);
  const words = Object.entries(limits).map(([key, value]) => `-e 's/"${key}":[0-9]*/"${key}":${value}/'`);
  writeFileSync(join(dir, 'bin/halls'), `#!/bin/sh\n${from}/halls ${hall} | sed ${words.join(' ')}\n`, { mode: 0o755 });
  return dir;
}

// openStack(scope, {env}): nothing runs yet; the scope's end takes it down. The shop's password hashes have the usual
// formats but cheap costs, because few tests are about logins; use `hashes: 'usual'` for those and for measurements. The
// PostgreSQL cluster is a copy; `cluster: 'usual'` makes it as `make up` does.
export async function openStack(scope, { env = {}, name = 'run', wrap = [], hashes = 'cheap', cluster = hashes === 'usual' ? 'usual' : 'copied' } = {}) {
  const made = cluster === 'usual' ? {} : { FAIRGATE_CLUSTER: CLUSTER };
  const stack = new Stack(join(scope.dir(), name), await freePortBase(), { FAIRGATE_SEED_HASHES: hashes, ...made, ...env }, wrap);
  stack.keepBy(scope, name);
  scope.defer(() => stack.down());
  return stack;
}

// Background processes have no parent whose death could end them. So a keeper process notices the test's death and takes the
// stack down. It has its own session, so that it survives if all of the test's processes are killed.
const KEEPER = 'trap "$0 down; exit" TERM; env -i setpriv --pdeathsig KILL sleep infinity & wait';

function sendTo(pids, signal) {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
}

export class Stack {
  #mayDie = []; // deaths that the test causes: ['redis signal 9']

  constructor(dir, base, env, wrap = []) {
    this.dir = dir;
    this.base = base;
    this.env = { FAIRGATE_RUN_DIR: dir, FAIRGATE_PORT_BASE: String(base), FAIRGATE_UP_TIMEOUT_S: '240', ...env };
    this.wrap = wrap; // words in front of the command, such as taskset's
    this.edge = client({ port: base });
    this.timeoutMs = 300_000; // per command: a busy machine takes minutes to start ten programs
    this.database = {}; // {dir, port} of its PostgreSQL, if that has been replaced
  }

  // Takes the stack down however this process ends.
  keepBy(scope, name) {
    this.keeper = scope.spawn(`${name}-keeper`, ['setsid', 'sh', '-c', KEEPER, STACK], { env: this.env, endSignal: 'SIGKILL', deathSignal: 'TERM' });
  }

  // {status, stdout, stderr} of one command; status -1 if it timed out or was killed.
  command(verb, env = {}) {
    const options = { env: { ...process.env, ...this.env, ...env }, timeout: this.timeoutMs };
    const [program, ...words] = ['setpriv', '--pdeathsig', 'TERM', '--', ...this.wrap, STACK, verb];
    return new Promise((resolve) => {
      execFile(program, words, options, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : (error.code ?? -1), stdout, stderr }),
      );
    });
  }

  async up(env = {}) {
    const done = await this.command('up', env);
    if (done.status !== 0) throw new Error(`up (${done.status}): ${done.stdout}${done.stderr}`);
    return done.stdout;
  }

  // Takes it down for good. The supervisor restarts dead parts, so a test may not notice a death. Unexpected deaths and
  // forbidden log lines therefore fail here.
  async down() {
    const { status, stdout, stderr } = await this.command('down');
    const found = this.findings();
    if (found.length > 0) throw new Error(found.map(({ what, text }) => `${keepFinding(what, text)}\n${text}`).join('\n'));
    if (status !== 0) throw new Error(`down (${status}): ${stdout}${stderr}`);
  }

  // [{what, text}] so far.
  findings() {
    const logs = join(this.dir, 'log');
    if (!existsSync(logs)) return [];
    const planned = this.#mayDie.map((one) => ({ ...one }));
    const found = [];
    for (const line of existsSync(join(logs, 'deaths')) ? this.read('log/deaths').trim().split('\n') : []) {
      const [, part, why] = /^\S+ (\S+) (.*)$/.exec(line);
      const at = planned.findIndex((one) => one.part === part && (one.why === null || one.why === why));
      if (at < 0) found.push({ what: `${part} died in a stack: ${line}`, text: this.#lastWords(part) });
      else if (planned[at].why !== null && (planned[at].times -= 1) === 0) planned.splice(at, 1);
    }
    for (const path of readdirSync(logs, { recursive: true })) {
      if (!statSync(join(logs, path)).isFile()) continue;
      const lines = this.read(join('log', path)).split('\n');
      const at = lines.findIndex((line) => FOUND.test(line) || SHELL_SAYS.test(line));
      if (at >= 0) found.push({ what: `the log ${path} of a stack has what no log may have`, text: lines.slice(at, at + 60).join('\n') });
    }
    return found;
  }

  #lastWords(part) {
    const path = `log/${part}/current`;
    return existsSync(join(this.dir, path)) ? this.read(path).split('\n').slice(-60).join('\n') : '';
  }

  // Allows a part to die: `why` as infra/stack/finish writes it. Without it: for any reason, any number of times.
  mayDie(part, why = null, times = 1) {
    this.#mayDie.push({ part, why, times });
  }

  // A client of a private listener.
  admin(part, timeoutMs = 120_000) {
    return client({ port: this.base + PRIVATE[part], token: this.secret('admin-token'), timeoutMs });
  }

  // ---- its visitors ----

  // Through the line: {ticket, pass, session}.
  async enter(event, headers = {}) {
    const { ticket } = await until('a place', async () => {
      const answer = await this.edge.post(`/v1/queue/${event}/join`, { headers });
      assert.ok([200, 201].includes(answer.status), answer.text);
      return answer.json;
    });
    const { pass, session } = await until('a pass', async () => {
      const answer = await this.edge.post(`/v1/queue/${event}/pass`, { token: ticket, headers });
      assert.equal(answer.status, 201, answer.text);
      return answer.json;
    });
    return { ticket, pass, session };
  }

  // Pays with a card that the provider's sandbox accepts.
  async payAt(url) {
    const { pathname } = new URL(url);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return assertStatus(await client({ port: this.base + 4 }).post(pathname, { body: 'number=4242424242424242', headers }), 303);
  }

  // ---- its parts ----

  #service(part, file = '') {
    return join(this.dir, 'service', part, file);
  }

  // null: not running.
  pid(part) {
    const pid = Number(readFileSync(this.#service(part, 'supervise/pid'), 'utf8').trim());
    return pid === 0 || !existsSync(`/proc/${pid}`) ? null : pid;
  }

  // All processes of a part: PostgreSQL has one for each connection.
  pids(part) {
    const pid = this.pid(part);
    return pid === null ? [] : [pid, ...procText(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number)];
  }

  // Returns whether the part was running.
  signal(part, signal) {
    const pids = this.pids(part);
    sendTo(pids, signal);
    return pids.length > 0;
  }

  // kill -9 of parts at the same moment; they stay down until they are started again.
  async takeAway(...parts) {
    const pids = parts.flatMap((part) => this.pids(part));
    for (const part of parts) {
      writeFileSync(this.#service(part, 'planned'), '');
      execFileSync('sv', ['-w', '60', 'once', this.#service(part)]); // a part that ends from now on is not restarted
    }
    sendTo(pids, 'SIGKILL');
    await until(`${parts} to be gone`, () => pids.every((pid) => !processAlive(pid)));
  }

  begin(...parts) {
    for (const part of parts) {
      this.letStart(part);
      rmSync(this.#service(part, 'planned'), { force: true });
      execFileSync('sv', ['up', this.#service(part)]);
    }
  }

  // Lifts the back-off of a part that died often, which would take too long for a test.
  letStart(part) {
    for (const file of ['hold', 'deaths']) rmSync(this.#service(part, file), { force: true });
  }

  // Stops it in order and starts it with its current script.
  async renew(part, timeoutMs) {
    const pid = this.pid(part);
    writeFileSync(this.#service(part, 'planned'), '');
    execFileSync('sv', ['term', this.#service(part)]);
    await until(`${part} to be another`, () => ![null, pid].includes(this.pid(part)), { timeoutMs });
  }

  // kill -9 of a part; its supervisor restarts it. Returns the old pid.
  async kill(part, pid = this.pid(part)) {
    process.kill(pid, 'SIGKILL');
    this.mayDie(part, 'signal 9');
    // PostgreSQL cannot start while a process of the killed one still holds its shared memory; the supervisor retries.
    if (part === 'postgres') this.mayDie(part, 'status 1', 3);
    return pid;
  }

  // Runs the stack in the foreground, as `make run` does: a Node child process.
  inFront() {
    const env = { ...process.env, ...this.env };
    return spawn(STACK, ['run'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  // name -> {pid, ports, ready}
  async parts() {
    const { stdout } = await this.command('status');
    const rows = stdout.trimEnd().split('\n').slice(1);
    return Object.fromEntries(
      rows.map((row) => {
        const [name, pid, , ports, ready] = row.split(/ +/);
        const numbers = ports.split(',').map(Number);
        return [name, { pid: Number(pid), ports: numbers, ready: ready === 'yes' }];
      }),
    );
  }

  // Runs `work` while one part is down, and always brings the part up again.
  async without(part, work) {
    writeFileSync(this.#service(part, 'planned'), '');
    execFileSync('sv', ['-w', '60', 'down', this.#service(part)]);
    try {
      await work();
    } finally {
      execFileSync('sv', ['up', this.#service(part)]);
    }
  }

  secret(name) {
    return this.read(`secrets/${name}`).trim();
  }

  // The result of a query in one of its databases, as plain text.
  sql(database, text) {
    const { dir = join(this.dir, 'postgres'), port = this.base + 7 } = this.database;
    const argv = ['-h', dir, '-p', String(port), '-U', 'postgres'];
    argv.push('-d', database, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text);
    return execFileSync(psqlPath(), argv, { encoding: 'utf8', maxBuffer: 1 << 28 }).trimEnd();
  }

  // Rows of one of its databases, as objects.
  rows(database, query) {
    return JSON.parse(this.sql(database, `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`));
  }

  read(path) {
    return readFileSync(join(this.dir, path), 'utf8');
  }

  // Every living process of the run dir: by environment, arguments or working folder.
  processes() {
    const found = [];
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if ([process.pid, this.keeper?.pid].includes(Number(pid))) continue;
      try {
        const words = ['environ', 'cmdline'].map((f) => readFileSync(`/proc/${pid}/${f}`, 'latin1'));
        if (words[1] === '') continue; // a kernel thread, or a zombie
        words.push(readlinkSync(`/proc/${pid}/cwd`));
        if (words.some((text) => text.includes(this.dir))) {
          found.push(`${pid} ${words[1].replaceAll('\0', ' ')}`);
        }
      } catch {
        // it has already exited
      }
    }
    return found;
  }
}

export function processAlive(pid) {
  return procText(pid, 'cmdline') !== ''; // a zombie has none
}
