// A library of tests/fault, preloaded into real programs, and the file through which a test tells it what to do.

import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './service.js';

// `variable` names the file, of that many bytes, to the library.
export function openPreload(scope, source, variable, bytes) {
  const dir = scope.tempDir('preload-');
  chmodSync(dir, 0o755); // servers of other users read it, too
  const [library, file] = [join(dir, 'library.so'), join(dir, 'orders')];
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-o', library, join(ROOT, source)]);
  writeFileSync(file, Buffer.alloc(bytes));
  return {
    file,
    // Sanitizers demand to be loaded first; these libraries interpose none of their functions.
    env: { LD_PRELOAD: library, [variable]: file, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0` },
    write(some, at = 0) {
      const to = openSync(file, 'r+');
      writeSync(to, some, 0, some.length, at);
      closeSync(to);
    },
  };
}
