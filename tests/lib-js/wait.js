// Waiting for a condition with a deadline, in place of sleeping and hoping.

import assert from 'node:assert/strict';

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The longer it has waited the more rarely it looks: a tenth of that later, and no more than half of the time, which leaves
// the processors to those that are waited for.
const SOON_MS = 20;
const LATE_MS = 250;
const TOOK_MAX_MS = 1000;
const pauseMs = (waitedMs) => Math.min(LATE_MS, Math.max(SOON_MS, waitedMs / 10));

// Calls `probe` until it answers something truthy and gives that back. An exception counts as
// "not yet" and is printed if time runs out. `what` ends the sentence "waited N ms for ...". With `everyMs`
// it looks that often from first to last.
export async function until(what, probe, { timeoutMs = 60_000, everyMs } = {}) {
  const began = performance.now();
  for (;;) {
    const asked = performance.now();
    let why = '';
    try {
      const answer = await probe();
      if (answer) return answer;
    } catch (error) {
      if (error.fatal) throw error; // waiting longer cannot help: the process is gone
      why = `: ${error.message}`;
    }
    const now = performance.now();
    const waitedMs = now - began;
    if (waitedMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms for ${what}${why}`);
    await delay(everyMs ?? Math.max(pauseMs(waitedMs), Math.min(now - asked, TOOK_MAX_MS)));
  }
}

// The promise, or an error that says what did not come in time.
export function within(timeoutMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// What comes "at once". With two dozen other programs, five times as long still tells an answer from a wait
// that ran out; what is promised to people in seconds is judged by assertKept.
export function assertPrompt(promisedMs, tookMs) {
  assert.ok(tookMs < 5 * promisedMs, `took ${Math.round(tookMs)} ms, promised within ${promisedMs}`);
}

// A promise of time as it stands in a README. For tests/promises alone, whose files run with nothing
// with them. The slowest of `tookMs` is printed, so that the margin is seen to shrink before it is gone.
export function assertKept(t, promisedMs, ...tookMs) {
  assert.match(process.argv[1], /\/promises\//, 'a promise of time is judged where nothing runs beside it');
  const slowest = Math.round(Math.max(...tookMs));
  t.diagnostic(`took ${slowest} ms, promised within ${promisedMs}`);
  assert.ok(slowest <= promisedMs, `took ${slowest} ms, promised within ${promisedMs}`);
}
