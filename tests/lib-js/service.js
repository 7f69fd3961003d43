// Runs one of our programs with a config file for the test: start, wait until ready, query, stop.

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FOUND, keepFinding, SANITIZER_STATUS } from './findings.js';
import { client } from './http.js';
import { freePort } from './ports.js';
import { until } from './wait.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

// build/asan/bin/NAME, unless FAIRGATE_BIN_DIR or FAIRGATE_VARIANT say otherwise; the release build if a test needs it.
export function programPath(name, shipped = false) {
  const variant = process.env.FAIRGATE_VARIANT ?? (shipped ? 'release' : 'asan');
  const dir = process.env.FAIRGATE_BIN_DIR ?? join(ROOT, 'build', variant, 'bin');
  const path = join(dir, name);
  if (!existsSync(path)) throw new Error(`${path} is missing: make VARIANT=${variant} programs`);
  return path;
}

// The secrets of a stack, as `make up` makes them. Returns {dir, read(name), path(name)}. All set-ups of one process use the
// same ones, each in its own files, and so do all files of one run of infra/black-box.js: making them takes ninety programs,
// a large part of a small set-up's cost.
let secretsMade = null; // [[name, bytes]]
export function makeSecrets(scope) {
  const dir = join(scope.tempDir('secrets-'), 'secrets');
  secretsMade ??= secretsOfRun(dir).map(([name, path]) => [name, readFileSync(path)]);
  if (!existsSync(dir)) {
    mkdirSync(dir, { mode: 0o700 });
    for (const [name, bytes] of secretsMade) writeFileSync(join(dir, name), bytes, { mode: 0o600 });
  }
  const path = (name) => join(dir, name);
  return { dir, path, read: (name) => readFileSync(path(name), 'utf8').trim() };
}

// The first caller makes them in `dir` and publishes a copy for the others: whole or not at all.
function secretsOfRun(dir) {
  const kept = process.env.FAIRGATE_TEST_SECRETS;
  const from = kept !== undefined && existsSync(kept) ? kept : dir;
  if (from === dir) execFileSync(join(ROOT, 'infra/stack/secrets'), [dir]);
  if (from === dir && kept !== undefined) {
    const half = mkdtempSync(`${kept}.`);
    cpSync(dir, half, { recursive: true });
    try {
      renameSync(half, kept);
    } catch {
      // another process was first
    }
  }
  return readdirSync(from).map((name) => [name, join(from, name)]);
}

// {section: {key: value}} as a config file. Strings are quoted, numbers and booleans are not.
export function renderConfig(sections) {
  const lines = [];
  for (const [section, keys] of Object.entries(sections)) {
    lines.push(`[${section}]`);
    for (const [key, value] of Object.entries(keys)) {
      if (value === undefined) continue;
      lines.push(`${key} = ${typeof value === 'string' ? JSON.stringify(value) : value}`);
    }
    lines.push('');
  }
  return lines.join('\n');
}

// A service with a public and a private listener:
//   const front = await startService(scope, {
//     program: 'queue-front',
//     config: ({port, privatePort}) => ({http: {port}, private: {port: privatePort}, ...}),
//     adminToken: secrets.read('admin-token'),
//   });
//   await front.http.get('/v1/queue/demo/status');
//   await front.admin.put('/admin/events/demo', {body: {name: 'Demo'}});
// Waits for /readyz on the private listener; `ready: false` leaves that to the test.
export async function startService(scope, options) {
  const service = new Service(scope, {
    port: options.port ?? (await freePort()),
    privatePort: options.privatePort ?? (await freePort()),
    ...options,
  });
  await service.start(options.ready ?? true);
  return service;
}

export class Service {
  constructor(scope, { program, config, port, privatePort, adminToken, env = {}, args = [], name, shipped = false }) {
    this.scope = scope;
    this.program = program;
    this.name = name ?? `${program}-${port}`;
    this.port = port;
    this.privatePort = privatePort;
    this.env = env;
    this.args = args;
    this.shipped = shipped;
    this.child = null;
    this.configPath = join(scope.tempDir(`${program}-`), `${program}.conf`);
    this.configure(config);
    this.http = client({ port });
    this.private = client({ port: privatePort }); // without a token: healthz, readyz, metrics
    this.admin = client({ port: privatePort, token: adminToken });
  }

  // Rewrites the config file; takes effect at the next start (or SIGHUP, for settings that reload).
  configure(config) {
    const sections = typeof config === 'function' ? config(this) : config;
    const text = typeof sections === 'string' ? sections : renderConfig(sections);
    writeFileSync(this.configPath, text, { mode: 0o600 });
  }

  async start(ready = true) {
    const argv = [programPath(this.program, this.shipped), '--config', this.configPath, ...this.args];
    this.child = this.scope.spawn(this.name, argv, { env: this.env, stays: true });
    if (ready) await this.untilReady();
  }

  async untilReady(timeoutMs = 120_000) {
    await until(
      `${this.name} to be ready`,
      async () => {
        this.child.assertRunning();
        const answer = await this.private.get('/readyz', { timeoutMs: 2_000 });
        if (answer.status === 200) return true;
        throw new Error(`/readyz says ${answer.status} ${answer.text}`);
      },
      { timeoutMs, everyMs: 20 }, // promises of time are measured with it
    );
  }

  async metrics() {
    return parseMetrics((await this.private.get('/metrics')).text);
  }

  async stop() {
    return this.child.stop();
  }

  async kill() {
    return this.child.kill();
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  pause() {
    this.child.signal('SIGSTOP');
  }

  resume() {
    this.child.signal('SIGCONT');
  }
}

// Runs a program to its end: {status, stdout, stderr}. For --check-config and other commands. It blocks this process; a
// program that calls a server of the test's own needs runBeside.
export function runProgram(name, args, { env = {}, input } = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(programPath(name), args, {
    env: { ...process.env, ...env },
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  if (error !== undefined) throw error;
  return judged(name, args, { status, signal, stdout, stderr });
}

export function runBeside(name, args, { env = {}, input = '' } = {}) {
  const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 28, timeout: 60_000 };
  return new Promise((resolve, reject) => {
    const child = execFile(programPath(name), args, options, (error, stdout, stderr) => {
      try {
        resolve(judged(name, args, { status: child.exitCode, signal: child.signalCode, stdout, stderr }));
      } catch (found) {
        reject(found);
      }
    });
    child.stdin.on('error', () => {}); // it ended before reading all of it
    child.stdin.end(input);
  });
}

// A command may not end by a signal or a sanitizer in any test.
function judged(name, args, { status, signal, stdout, stderr }) {
  if (signal === null && status !== SANITIZER_STATUS && !FOUND.test(stderr)) return { status, stdout, stderr };
  const what = `${name} ${args.join(' ')} ended by ${signal ?? `status ${status}`}`;
  throw new Error(`${keepFinding(what, stderr)}:\n${stderr}`);
}

// Parses Prometheus text into a Map from 'name{labels}' to number.
export function parseMetrics(text) {
  const values = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const found = /^([a-zA-Z_:][^ {]*(?:\{.*\})?) (\S+)/.exec(line);
    if (found === null) throw new Error(`not a metric: ${line}`);
    values.set(found[1], found[2] === '+Inf' ? Infinity : Number(found[2]));
  }
  return values;
}
