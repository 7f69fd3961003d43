// What is true of every program that runs in production.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { ROOT } from '../lib-js/service.js';

const librariesOf = (program) =>
  execFileSync('ldd', [join(ROOT, 'build/release/bin', program)], { encoding: 'utf8' });

for (const program of ['queue-front', 'seat-service', 'payment-adapter']) {
  test(`${program} allocates by jemalloc`, () => {
    assert.match(librariesOf(program), /libjemalloc\.so/);
  });
}

for (const [program, ...commands] of [
  ['queue-front', 'verify-draw'],
  ['seat-service', 'replay'],
  ['payment-adapter', 'saga list', 'saga retry', 'reconcile', 'verify-ticket'],
]) {
  test(`${program} --help names what it does besides serving`, () => {
    const argv = ['--help'];
    const help = execFileSync(join(ROOT, 'build/release/bin', program), argv, { encoding: 'utf8' });
    for (const command of commands) {
      assert.ok(help.includes(`${program} ${command}`), command);
      const own = execFileSync(join(ROOT, 'build/release/bin', program), [...command.split(' '), '--help'], { encoding: 'utf8' });
      assert.ok(own.includes(`${program} ${command}`), command);
    }
  });
}

test('queue-front speaks no SQL: libpq, which others use from the same library, is not in it', () => {
  assert.doesNotMatch(librariesOf('queue-front'), /libpq\.so/);
  assert.match(librariesOf('seat-service'), /libpq\.so/);
});
