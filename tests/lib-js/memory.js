// Failing allocations for a text that the test chooses: tests/fault/memory is preloaded into our programs.
//
//   const memory = openMemory(scope);
//   const front = await startService(scope, { env: memory.env, ... });
//   await memory.without('"rate_per_s":7', () => front.admin.patch(...)); // JSON with these bytes in it

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { openPreload } from './preload.js';

// struct scarce
const BYTES_MAX = 124;
const COUNT_AT = 128;

export function openMemory(scope) {
  const { env, file, write } = openPreload(scope, 'tests/fault/memory/memory.c', 'FAIRGATE_MEMORY', COUNT_AT + 8);
  const memory = {
    env,
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
