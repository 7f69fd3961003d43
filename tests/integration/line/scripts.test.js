// The assembled scripts: each is complete, and declares everything it answers.

import assert from 'node:assert/strict';
import { appendFileSync, cpSync, readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { join } from 'node:path';
import { ROOT, openScope } from '../../lib-js/index.js';
import { scriptText, scripts } from '../../lib-js/wire.js';

const folder = join(ROOT, 'queue-front/lua');
const list = readFileSync(join(folder, 'wire.list'), 'utf8');
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.lua'));
const source = (file) => readFileSync(join(folder, file), 'utf8').replace(/--.*$/gm, '');
const defined = (text) => [...text.matchAll(/^(?:local )?function (\w+)/gm)].map(([, name]) => name);

test('a script starts with every file that it calls', () => {
  const known = new Set(files.flatMap((file) => defined(source(file))));
  for (const script of scripts) {
    const seen = new Set();
    for (const line of scriptText(script).split('\n')) {
      for (const name of defined(line)) seen.add(name);
      for (const [, name] of line.replace(/'[^']*'/g, '').matchAll(/(?<![.\w])(\w+)\(/g)) {
        assert.ok(!known.has(name) || seen.has(name), `${script} calls ${name}`);
      }
    }
  }
});

test('every file is in a script', () => {
  for (const file of files) assert.match(list, new RegExp(`^  \\w+ .*\\b${file.replace('.lua', '')}\\b`, 'm'), file);
});

test('a script with a field that the list does not have is not made', (t) => {
  const copy = join(openScope(t).tempDir(), 'lua');
  cpSync(folder, copy, { recursive: true });
  assert.equal(scriptText('pilot', copy), scriptText('pilot'));
  appendFileSync(join(copy, 'pilot.lua'), 'return ARGV[ask_pilot.nothing]\n');
  assert.throws(() => scriptText('pilot', copy), /no such field: ask_pilot.nothing/);
});
