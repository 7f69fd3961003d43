// A scope owns what a test starts: processes, temporary folders, sockets. However the test ends, closing the scope ends them
// in reverse order, each by its pid. If the test runner itself is killed, the kernel kills the processes (setpriv
// --pdeathsig), so nothing is left behind.

import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './costs.js';
import { CRASHES, FOUND, keepFinding, SANITIZER_STATUS, takeReports } from './findings.js';
import { hopeless, within } from './wait.js';

// Covers a parent that died before pdeathsig was set: such a program would never be killed.
const IF_BELOW = '[ "$PPID" = "$0" ] && exec "$@"';

const LIVE = new Set();
process.on('exit', () => {
  for (const child of LIVE) child.signal('SIGKILL');
});

// For infra/black-box.js to print at its end: it reads no output of a file that timed out.
function tellOpen(signal) {
  const handles = process.report.getReport().libuv.filter(({ is_active: active, is_referenced: counts }) => active && counts);
  const text = `${process.argv[1]} was asked to end by ${signal}; ${OPEN.size} scopes and these handles were open:\n${handles.map((one) => `  ${JSON.stringify(one)}\n`).join('')}`;
  if (process.env.FAIRGATE_COSTS === undefined) process.stderr.write(text);
  else appendFileSync(`${process.env.FAIRGATE_COSTS}-open`, text);
}

// On a signal a test file prints what it was waiting for, in case it hung, and cleans up: background programs, such as a
// whole stack, would outlive it otherwise. A second signal, as from both a terminal and infra/black-box.js, does not
// interrupt this.
const OPEN = new Set();
let tidying = null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { tidying ??= tidy(signal); });

async function tidy(signal) {
  try {
    tellOpen(signal);
  } catch {
    // nobody is left to read it
  }
  await Promise.allSettled([...OPEN].map((scope) => scope.close()));
  process.exit(1);
}

const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGKILL'];

// One started process; its output goes to a file.
class Child {
  #logFrom; // where this process's part of the log begins
  #asked = false; // whether we asked it to end
  #exited;

  constructor(name, process_, logPath, { stays, logFrom }) {
    this.name = name;
    this.pid = process_.pid;
    this.logPath = logPath;
    this.#logFrom = logFrom;
    this.stays = stays;
    this.exit = null; // {code, signal} once it has ended
    this.mayEnd = false; // set this before a test makes a program with `stays` end by itself
    this.finding = null; // a sentence, if it ended wrongly
    this.#exited = new Promise((resolve) => {
      process_.on('error', (error) => this.#ended({ code: null, signal: null, error }, resolve));
      process_.on('exit', (code, signal) => this.#ended({ code, signal }, resolve));
    });
    LIVE.add(this);
  }

  #ended(exit, resolve) {
    this.exit = exit;
    LIVE.delete(this);
    this.#judge();
    resolve(exit);
  }

  get running() {
    return this.exit === null;
  }

  log() {
    return readFileSync(this.logPath, 'utf8');
  }

  // The log's JSON lines, parsed; other lines are skipped.
  logLines() {
    return this.log()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  tail(lines = 20) {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n');
  }

  signal(signal) {
    if (this.exit !== null || this.pid === undefined) return;
    if (ENDING.includes(signal)) this.#asked = true;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  // Asks it to end and waits; a process that does not end in time is killed, which is an error.
  async stop(signal = 'SIGTERM', timeoutMs = 60_000) {
    if (this.running) {
      this.signal('SIGCONT'); // a paused process could not handle the signal
      this.signal(signal);
      await this.ends(timeoutMs, ` on ${signal}`);
    }
    if (this.finding !== null) throw new Error(`${this.finding}:\n${this.tail(60)}`);
    return this.exit;
  }

  async kill() {
    this.signal('SIGKILL');
    return this.#exited;
  }

  // Waits for its end and returns {code, signal}. A process that takes too long is killed, which is an error.
  async ends(timeoutMs = 60_000, why = '') {
    try {
      return await within(timeoutMs, `${this.name} (pid ${this.pid}) to end${why}`, this.#exited);
    } catch (error) {
      await this.kill();
      throw new Error(`${error.message}; its last lines:\n${this.tail()}`);
    }
  }

  // For loops that wait: a process that has ended never becomes ready.
  assertRunning() {
    if (this.running) return;
    const { code, signal, error } = this.exit;
    throw hopeless(`${this.name} ended (${error?.message ?? signal ?? `status ${code}`}):\n${this.tail()}`);
  }

  // Runs at the moment of its end, whatever the test does with it.
  #judge() {
    const report = takeReports(this.pid);
    const why = this.#wrong(report);
    if (why === null) return;
    const said = this.log();
    this.finding = keepFinding(`${this.name} (pid ${this.pid}) ${why}`, `${report}${said.slice(-20_000)}`);
  }

  #wrong(report) {
    const { code, signal, error } = this.exit;
    const how = error?.message ?? signal ?? `status ${code}`;
    const said = readFileSync(this.logPath).subarray(this.#logFrom).toString('utf8');
    if (report !== '' || code === SANITIZER_STATUS) return `met what a sanitizer found (${how})`;
    if (FOUND.test(said)) return `said what no program may say (${how})`;
    if (CRASHES.includes(signal)) return `crashed (${how})`;
    if (!this.stays || this.mayEnd) return null;
    if (!this.#asked) return `ended by itself (${how})`;
    return code === 0 || signal !== null ? null : `was asked to end, and ended badly (${how})`;
  }
}

export class Scope {
  #deferred = [];
  #dir = null;
  #closing = null; // while it closes

  constructor() {
    OPEN.add(this);
  }

  // Registers cleanup work, run in reverse order.
  defer(work) {
    this.#deferred.push(work);
  }

  // The scope's folder; mode 0711, so that other users' processes can reach their own folders in it.
  dir() {
    if (this.#dir === null) {
      this.#dir = mkdtempSync(join(tmpdir(), 'fairgate-'));
      const dir = this.#dir;
      chmodSync(dir, 0o711);
      this.#deferred.unshift(() => rmSync(dir, { recursive: true, force: true }));
    }
    return this.#dir;
  }

  // A fresh folder inside it.
  tempDir(prefix = 'd-') {
    return mkdtempSync(join(this.dir(), prefix));
  }

  // Starts a program. `user`: for programs that refuse root. `endSignal` ends it when the scope closes. With `stays` it must
  // run until it is asked to end, or it is a finding.
  spawn(name, argv, { env = {}, cwd, user = null, endSignal = 'SIGTERM', deathSignal = 'KILL', stays = false } = {}) {
    const logPath = join(this.dir(), `${name}.log`);
    const log = openSync(logPath, 'a', 0o600);
    const wrap = ['--pdeathsig', deathSignal];
    if (user !== null) wrap.push('--reuid', user, '--regid', user, '--clear-groups');
    const process_ = spawn('setpriv', [...wrap, '--', 'sh', '-c', IF_BELOW, String(process.pid), ...argv], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
    });
    const logFrom = fstatSync(log).size;
    closeSync(log);
    const child = new Child(name, process_, logPath, { stays, logFrom });
    this.defer(() => child.stop(endSignal));
    return child;
  }

  // A call during the close waits for the same end: what was started first must outlive what is being cleaned up.
  close() {
    this.#closing ??= this.#close().finally(() => { this.#closing = null; });
    return this.#closing;
  }

  async #close() {
    OPEN.delete(this);
    const errors = [];
    while (this.#deferred.length > 0) {
      try {
        await this.#deferred.pop()();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, errors.map((e) => e.message).join('\n'));
  }
}

// In a test: `const scope = openScope(t)`. For a whole file: `const scope = openScope(test)`. Without either, the caller
// closes it. While a signalled file cleans up, Node runs the next test, whose programs nobody would end.
export function openScope(t = null) {
  if (tidying !== null) throw new Error('asked to end: nothing is started any more');
  const scope = new Scope();
  t?.after(() => scope.close());
  return scope;
}
