// own-time.js: measures how long a process has run on a clock that stops while the process, or one of its children, waits
// for a CPU. So a limit on this clock means the same on an idle and on a busy machine, and a process that exceeds it
// computes or waits forever.
//
//   const time = new OwnTime(pid);
//   time.look();        samples; call it now and then
//   time.ms             up to the last sample
//   time.wants          CPUs that its threads recently wanted, granted or not
//
// The kernel counts how long each thread waited for a CPU (/proc/PID/task/TID/schedstat), and adds to the count when the
// thread runs. A thread that is ready and has not run since the last sample has waited all the time. The clock never stops
// completely: at least a tenth of real time counts.

import { readdirSync } from 'node:fs';
import { procText } from './proc.js';

const LEAST = 0.1;
const NEWEST = 0.3; // weight of the newest sample against all earlier ones

function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has already exited
  }
}

// A process and all its descendants.
function familyOf(pid) {
  const family = [pid];
  for (const one of family)
    for (const tid of threadsOf(one)) family.push(...procText(one, `task/${tid}/children`).split(' ').filter(Boolean).map(Number));
  return family;
}

const isReady = (pid, tid) => / R /.test(procText(pid, `task/${tid}/stat`).replace(/.*\)/, ' '));

export class OwnTime {
  ms = 0;
  wants = 1; // it has just started
  #pid;
  #at = performance.now();
  #threads = new Map(); // by number: {ran, waited, unseen}, in milliseconds
  #debt = 0;

  constructor(pid) {
    this.#pid = pid;
  }

  look() {
    const now = performance.now();
    const passed = now - this.#at;
    this.#at = now;
    const threads = familyOf(this.#pid).flatMap((pid) => threadsOf(pid).map((tid) => this.#sinceLast(pid, tid, passed)));
    this.#debt += Math.max(0, ...threads.map(({ waited }) => waited)); // the longest of all
    const wanted = threads.reduce((sum, { ran, waited }) => sum + Math.min(passed, ran + waited), 0);
    if (passed > 0) this.wants += NEWEST * (wanted / passed - this.wants);
    const stood = Math.min(this.#debt, passed * (1 - LEAST));
    this.#debt -= stood;
    this.ms += passed - stood;
    return this.ms;
  }

  #sinceLast(pid, tid, passed) {
    const [ran = 0, waited = 0] = procText(pid, `task/${tid}/schedstat`).split(' ').map((ns) => Number(ns) / 1e6);
    const before = this.#threads.get(tid) ?? { ran: 0, waited: 0, unseen: 0 };
    const stands = ran === before.ran && waited === before.waited && isReady(pid, tid);
    const unseen = stands ? before.unseen + passed : 0;
    this.#threads.set(tid, { ran, waited, unseen });
    return { ran: ran - before.ran, waited: waited + unseen - before.waited - before.unseen };
  }
}
