// own-time.js: how long a process has been at it by a clock of its own, which stands still while that process, or
// one that it has begun, wants a processor and gets none. So a limit on this clock is the same on an idle machine
// and on a busy one, and what exceeds it computes, or waits for something, without an end.
//
//   const time = new OwnTime(pid);
//   time.look();        now and then: what happens between two looks is known by then
//   time.ms             until the last look
//   time.wants          processors that its threads wanted lately, had or not
//
// The kernel counts for each thread how long it waited to be run (/proc/PID/task/TID/schedstat), and adds to the
// figure when it does run; one that is ready and has not run since the last look has waited ever since. The clock
// never stands still for good: a tenth of the time passes in any case.

import { readdirSync } from 'node:fs';
import { procText } from './proc.js';

const LEAST = 0.1;
const NEWEST = 0.3; // what a look counts for, against all before it

function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has just ended
  }
}

// A process and all that it has begun.
function familyOf(pid) {
  const family = [pid];
  for (const one of family)
    for (const tid of threadsOf(one)) family.push(...procText(one, `task/${tid}/children`).split(' ').filter(Boolean).map(Number));
  return family;
}

const isReady = (pid, tid) => / R /.test(procText(pid, `task/${tid}/stat`).replace(/.*\)/, ' '));

export class OwnTime {
  ms = 0;
  wants = 1; // it has just begun
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
