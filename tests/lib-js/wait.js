// Waits for a condition with a deadline, instead of sleeping.

import assert from 'node:assert/strict';

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Polls less often the longer it waits: intervals are a tenth of the elapsed time, and at least as long as the probe took,
// which leaves the CPUs to the processes under test.
const SOON_MS = 20;
const LATE_MS = 250;
const TOOK_MAX_MS = 1000;
const pauseMs = (waitedMs) => Math.min(LATE_MS, Math.max(SOON_MS, waitedMs / 10));

// Calls `probe` until it returns something truthy, and returns that. An exception counts as "not yet" and is printed on a
// timeout. `what` ends the sentence "waited N ms for ...". `everyMs` makes the interval constant.
export async function until(what, probe, { timeoutMs = 60_000, everyMs } = {}) {
  const began = performance.now();
  for (;;) {
    const asked = performance.now();
    let why = '';
    try {
      const answer = await probe();
      if (answer) return answer;
    } catch (error) {
      if (error.fatal) throw error; // hopeless()
      why = `: ${error.message}`;
    }
    const now = performance.now();
    const waitedMs = now - began;
    if (waitedMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms for ${what}${why}`);
    await delay(everyMs ?? Math.max(pauseMs(waitedMs), Math.min(now - asked, TOOK_MAX_MS)));
  }
}

// An error of a probe that no longer wait can cure: the process or the connection is gone.
export const hopeless = (message) => Object.assign(new Error(message), { fatal: true });

// The promise, or an error that names what did not arrive in time.
export function within(timeoutMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Something is prompt. With two dozen other programs running, a limit five times as long still tells an answer from an
// expired wait; promises of seconds to people are checked by assertKept.
export function assertPrompt(promisedMs, tookMs) {
  assert.ok(tookMs < 5 * promisedMs, `took ${Math.round(tookMs)} ms, promised within ${promisedMs}`);
}

// A documented promise of time. Only for tests/promises, whose files run alone. Prints the slowest of `tookMs`, so that a
// shrinking margin is visible before it is gone.
export function assertKept(t, promisedMs, ...tookMs) {
  assert.match(process.argv[1], /\/promises\//, 'a promise of time is judged where nothing runs beside it');
  const slowest = Math.round(Math.max(...tookMs));
  t.diagnostic(`took ${slowest} ms, promised within ${promisedMs}`);
  assert.ok(slowest <= promisedMs, `took ${slowest} ms, promised within ${promisedMs}`);
}
