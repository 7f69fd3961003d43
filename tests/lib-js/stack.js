// A whole stack in a folder of its own, driven by the same script as `make up`.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { client } from './http.js';
import { freePortBase } from './ports.js';
import { ROOT } from './service.js';

const STACK = join(ROOT, 'infra/stack/stack');
const FAKE = join(ROOT, 'tests/integration/fake-service.js');

// A folder with bin/NAME for each name: the real stores and edge then run around stand-ins.
export function fakeBuild(scope, names) {
  const dir = scope.tempDir('build-');
  mkdirSync(join(dir, 'bin'));
  for (const name of names) symlinkSync(FAKE, join(dir, 'bin', name));
  return dir;
}

// openStack(scope, {env}): nothing runs yet. The scope's end takes it down.
export async function openStack(scope, { env = {}, name = 'run', wrap = [] } = {}) {
  const stack = new Stack(join(scope.dir(), name), await freePortBase(), env, wrap);
  scope.defer(() => stack.command('down'));
  return stack;
}

export class Stack {
  constructor(dir, base, env, wrap = []) {
    this.dir = dir;
    this.base = base;
    this.env = { FAIRGATE_RUN_DIR: dir, FAIRGATE_PORT_BASE: String(base), ...env };
    this.wrap = wrap; // words in front of the command, such as taskset's
    this.edge = client({ port: base });
  }

  // {status, stdout, stderr} of one command.
  command(verb, env = {}) {
    const options = { env: { ...process.env, ...this.env, ...env }, timeout: 120_000 };
    const [program, ...words] = [...this.wrap, STACK, verb];
    return new Promise((resolve) => {
      execFile(program, words, options, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : (error.code ?? -1), stdout, stderr }),
      );
    });
  }

  async up(env = {}) {
    const done = await this.command('up', env);
    if (done.status !== 0) throw new Error(`up: ${done.stdout}${done.stderr}`);
    return done.stdout;
  }

  // The command in front, as `make run` has it: a process of node's own kind.
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

  // What is done while one part is down; whatever comes of it, the part is up again for what follows.
  async without(part, work) {
    const service = join(this.dir, 'service', part);
    execFileSync('sv', ['-w', '60', 'down', service]);
    try {
      await work();
    } finally {
      execFileSync('sv', ['up', service]);
    }
  }

  secret(name) {
    return this.read(`secrets/${name}`).trim();
  }

  // What one of its databases says to that, as plain text.
  sql(database, text) {
    const argv = ['-h', join(this.dir, 'postgres'), '-p', String(this.base + 7), '-U', 'postgres'];
    argv.push('-d', database, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text);
    return execFileSync('psql', argv, { encoding: 'utf8', maxBuffer: 1 << 28 }).trimEnd();
  }

  // Rows of one of its databases, as objects.
  rows(database, query) {
    return JSON.parse(this.sql(database, `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`));
  }

  read(path) {
    return readFileSync(join(this.dir, path), 'utf8');
  }

  // Every living process that has to do with the run dir: by environment, arguments or folder.
  processes() {
    const found = [];
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (Number(pid) === process.pid) continue;
      try {
        const words = ['environ', 'cmdline'].map((f) => readFileSync(`/proc/${pid}/${f}`, 'latin1'));
        if (words[1] === '') continue; // a thread of the kernel, or a dead one not yet reaped
        words.push(readlinkSync(`/proc/${pid}/cwd`));
        if (words.some((text) => text.includes(this.dir))) {
          found.push(`${pid} ${words[1].replaceAll('\0', ' ')}`);
        }
      } catch {
        // it has just ended
      }
    }
    return found;
  }
}

export function processAlive(pid) {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1') !== '';
}
