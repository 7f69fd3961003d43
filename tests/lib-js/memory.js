// Failing allocations for a text that the test chooses: tests/fault/memory is preloaded into our programs.
//
//   const memory = openMemory(scope);
//   const front = await startService(scope, { env: memory.env, ... });
//   await memory.without('"rate_per_s":7', () => front.admin.patch(...)); // JSON with these bytes in it

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './service.js';

// struct scarce
const BYTES_MAX = 124;
const COUNT_AT = 128;

export function openMemory(scope) {
  const dir = scope.tempDir('memory-');
  const [library, file] = [join(dir, 'memory.so'), join(dir, 'scarce')];
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-o', library, join(ROOT, 'tests/fault/memory/memory.c')]);
  writeFileSync(file, Buffer.alloc(COUNT_AT + 8));
  const write = (bytes, at) => {
    const to = openSync(file, 'r+');
    writeSync(to, bytes, 0, bytes.length, at);
    closeSync(to);
  };
  const memory = {
    // Sanitizers demand to be loaded first; this library interposes none of their functions.
    env: { LD_PRELOAD: library, FAIRGATE_MEMORY: file, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS}:verify_asan_link_order=0` },
    lack(text) {
      const bytes = Buffer.from(text);
      const len = Buffer.alloc(4);
      len.writeUInt32LE(bytes.length);
      assert.ok(bytes.length <= BYTES_MAX);
      write(Buffer.alloc(4), 0);
      write(bytes, 4);
      write(len, 0);
    },
    refused: () => Number(readFileSync(file).readBigUInt64LE(COUNT_AT)),
    // Returns the result of `ask` while allocations for JSON with that text fail; asserts that there was such JSON.
    async without(text, ask) {
      const before = memory.refused();
      memory.lack(text);
      try {
        return await ask();
      } finally {
        memory.lack('');
        assert.ok(memory.refused() > before, `nobody parsed ${text}`);
      }
    },
  };
  return memory;
}
