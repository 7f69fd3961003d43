// Wrong wall clocks for real servers: tests/fault/clock is preloaded into them.
//
//   const clock = openClock(scope);
//   const redis = await startRedis(scope, { clock });
//   clock.set(3600_000);   // ahead by an hour from now on

import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './service.js';

const libraries = new Map(); // one per scope

// A folder that servers of other users can read, too.
function openDir(scope) {
  const dir = scope.tempDir('clock-');
  chmodSync(dir, 0o755);
  return dir;
}

function library(scope) {
  if (!libraries.has(scope)) {
    const path = join(openDir(scope), 'clock.so');
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-o', path, join(ROOT, 'tests/fault/clock/clock.c')]);
    libraries.set(scope, path);
    scope.defer(() => libraries.delete(scope));
  }
  return libraries.get(scope);
}

export function openClock(scope, offMs = 0) {
  const file = join(openDir(scope), 'off');
  writeFileSync(file, Buffer.alloc(8));
  const clock = {
    // Sanitizers demand to be loaded first; this library interposes none of their functions.
    env: { LD_PRELOAD: library(scope), FAIRGATE_CLOCK_OFF: file, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0` },
    set(ms) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(ms));
      const to = openSync(file, 'r+');
      writeSync(to, bytes, 0, 8, 0);
      closeSync(to);
    },
  };
  clock.set(offMs);
  return clock;
}
