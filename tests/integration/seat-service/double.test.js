// The simulator's doubles of PostgreSQL, for seats and payments, behave like PostgreSQL: a random history of calls of the
// journal's store (tests/sim/sql-history) or of the payments' statements (tests/sim/pay-history) goes to both, and they
// print the same. FAIRGATE_SEED repeats a run.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { openScope, programPath, seededRng, startPostgres } from '../../lib-js/index.js';

const STEPS = Number(process.env.FAIRGATE_STEPS ?? (process.env.FAIRGATE_SOAK ? 20_000 : 500));
const HISTORIES_MAX = 6;
const SHOWN = 30; // lines before the first difference

const scope = openScope(test);

async function play(program, ...args) {
  // The address sanitizer warns about the simulator's fibers: its output is shown with a failed run, not as a finding.
  const env = { ...process.env, ASAN_OPTIONS: '' };
  const { stdout } = await promisify(execFile)(programPath(program), args.map(String), { env, maxBuffer: 1 << 29 });
  return stdout.split('\n');
}

const HALVES = {
  sql: ['written=1', 'written=0', ' 23505', ' done=1'],
  pay: [': 0 cancel=', ': 1 cancel=', 'not-refundable', 'letter completed done=1', 'event passed='],
};

// Returns the real server's output.
async function playBoth(half, seed) {
  // Autovacuum would take locks that sessions do not expect. To compile a statement takes longer than to run it.
  const postgres = await startPostgres(scope, { settings: { autovacuum: 'off', jit: 'off' } });
  const real = await play(`${half}-real`, seed, STEPS, postgres.conninfo());
  const double = await play(`${half}-double`, seed, STEPS);
  const at = real.findIndex((line, i) => line !== double[i]);
  if (at >= 0) assert.deepEqual(double.slice(at - SHOWN, at + 2), real.slice(at - SHOWN, at + 2));
  assert.equal(double.length, real.length);
  return real;
}

for (const [half, outcomes] of Object.entries(HALVES))
  test(`${half}: the double and PostgreSQL give the same results, and keep the same`, async (t) => {
    const rng = seededRng(t);
    // One history in thirty lacks one of the outcomes.
    let missing = outcomes;
    for (let history = 0; history < HISTORIES_MAX && missing.length > 0; history += 1) {
      const real = await playBoth(half, rng.between(1, 1_000_000_000));
      missing = missing.filter((outcome) => !real.some((line) => line.includes(outcome)));
    }
    assert.deepEqual(missing, []);
  });
