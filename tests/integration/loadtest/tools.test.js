// What the load generators refuse.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openScope, ROOT, runProgram } from '../../lib-js/index.js';

const scope = openScope(test);

function crowd(text, args = []) {
  const path = join(scope.tempDir('scenario-'), 'mine.conf');
  writeFileSync(path, text);
  return { ...runProgram('crowd', [path, '--print', ...args]), path };
}

test('a key that a scenario cannot have is named with file and line', () => {
  const { status, stderr, path } = crowd('[crowd]\nvisitors = 10\n[people]\nrobots = 3\n');
  assert.equal(status, 2);
  assert.ok(stderr.includes(`${path}:4:`), stderr);
  assert.match(stderr, /robots/);
});

test('a crowd does not go to strangers unless somebody vouches for them', () => {
  const stranger = '[journey]\nto = pass\n[targets]\nqueue = 203.0.113.7:80\n';
  const refused = crowd(stranger);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /--i-own-this-host/);
  assert.equal(crowd(stranger, ['--i-own-this-host']).status, 0);
});

test('the runner says which scenarios there are when it is asked for another', () => {
  const done = spawnSync('node', [join(ROOT, 'loadtest/run.js'), 'moon'], { encoding: 'utf8' });
  assert.equal(done.status, 2);
  assert.match(done.stderr, /smoke/);
});
