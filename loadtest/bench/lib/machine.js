// Pins programs to a core and measures the CPU time that they use. On a shared machine, elapsed
// time drifts by tens of percent. The CPU time of a process per unit of work drifts far less, and
// the ratio of two such figures taken in turns hardly at all.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const TICK_US = 1e6 / 100; // USER_HZ is 100 on every supported Linux

// The threads of a process; empty if it has ended.
function tasksOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return [];
    throw error;
  }
}

// Pins all threads of a process to one core. A thread or process that ends meanwhile is no failure. A thread that
// starts meanwhile is found by the next pass, or inherits the core of a parent that is pinned already.
export function pin(pid, core) {
  const done = new Set();
  for (let more = true; more; ) {
    more = false;
    for (const task of tasksOf(pid)) {
      if (done.has(task)) continue;
      done.add(task);
      more = true;
      const { status, stderr } = spawnSync('taskset', ['-cp', String(core), task], { encoding: 'utf8' });
      if (status !== 0 && existsSync(`/proc/${pid}/task/${task}`)) throw new Error(stderr);
    }
  }
}

// Runs argv on one core and waits for its end.
export async function runPinned(core, argv, { env = {}, timeoutMs = 120_000 } = {}) {
  const child = spawn('taskset', ['-c', String(core), ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  child.stderr.on('data', (bytes) => (err += bytes));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const status = await new Promise((resolve) => child.on('exit', (code) => resolve(code)));
  clearTimeout(timer);
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${err}`);
  return out;
}

function childrenOf(pid) {
  const found = [];
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
    if (text !== '') found.push(...text.split(' ').map(Number));
  }
  return found;
}

// User and system time of a process, and that of its ended children, in microseconds.
export function timesUs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system, endedUser, endedSystem] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 15).map(Number);
  return { own: (user + system) * TICK_US, ended: (endedUser + endedSystem) * TICK_US };
}

// CPU time of a process and its running children (nginx has workers).
export const cpuUs = (pid) => childrenOf(pid).reduce((sum, child) => sum + cpuUs(child), timesUs(pid).own);

export function rssKb(pid) {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line[1]);
}

// The share of the machine's CPU that is used during `ms`, by all programs and by other guests of its host.
export async function busyShare(ms) {
  const look = () => readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].trim().split(/\s+/).slice(1, 9).map(Number);
  const sum = (times) => times.reduce((all, time) => all + time, 0);
  const before = look();
  await new Promise((go) => { setTimeout(go, ms); });
  const used = look().map((time, n) => time - before[n]);
  const [, , , idle, waits] = used;
  return 1 - (idle + waits) / sum(used);
}
